"""What arms are to a reader: their kind, their round, their order; of runs of before, too."""

from __future__ import annotations

import re

from harness.types.names import ArmName

UNTARGETED = "untargeted"
"""The kind of the only control that there once was: "control-N"."""

_ONCE = re.compile(r"control-(?P<round>\d+)$")


def kind_of(arm: str) -> str:
    """As ``ArmName.kind``, or ``UNTARGETED``."""
    return UNTARGETED if _ONCE.match(arm) else ArmName(arm).kind


def round_of(arm: str) -> int:
    """The round an arm belongs to, or that it is on the way to; 0 if none."""
    parent = arm.partition("/")[0]
    once = _ONCE.match(parent)
    return int(once["round"]) if once else ArmName(parent).round


def is_control(arm: str) -> bool:
    """Whether the targeted arm of its round is compared with it."""
    return bool(round_of(arm)) and kind_of(arm) not in ("rl", "warm", "step")


def arm_order(arm: str) -> tuple[int, int, bool, str, bool]:
    """Sorts arms as they are made: base, SFT, then by round; in it what the targeted arm was after
    its warm start, the targeted arm, and its controls.
    """
    parent = ArmName(arm.partition("/")[0])
    first = {ArmName.BASE: 0, ArmName.POLICY: 0, ArmName.SFT: 1}.get(ArmName(arm), 2)
    return first, round_of(arm), parent.kind != "rl", parent, arm == parent
