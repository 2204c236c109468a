"""What readers call an arm, and what a control is."""

from __future__ import annotations

from collections.abc import Iterable

from harness.results.arms import UNTARGETED, kind_of, round_of
from harness.types.names import ArmName

_KINDS = {"rl": "round", "generic": "generic control", UNTARGETED: "untargeted control"}

NOTES = {
    "generic": "as many tasks of SFT's own kind: what a team has without looking at failures",
    "oracle": "as many tasks of the test's own mix: an upper bound that no team has",
    UNTARGETED: "as many tasks without a pattern, of the test's own mix where the domain has one",
}
"""What a control is trained on, by its kind."""


def arm_label(name: str) -> str:
    """What readers call an arm: "SFT", "round 1", "round 1, after imitation", "generic control 1";
    unknown names as they are.
    """
    kind, number = kind_of(name), round_of(name)
    if kind == "warm" and number:
        return f"{arm_label(name.partition('/')[0])}, after imitation"
    if number and kind != "step":
        return f"{_KINDS.get(kind, kind)} {number}"
    return "SFT" if name == ArmName.SFT else name


def short_label(name: str) -> str:
    """The same in a word, where the round is plain: "SFT", "generic", "imitation"."""
    kind = kind_of(name)
    words = {"warm": "imitation", UNTARGETED: "control", "generic": kind, "oracle": kind}
    return words.get(kind) or arm_label(name)


def control_notes(names: Iterable[str]) -> dict[str, str]:
    """What each kind of control among the arms is trained on, by what readers call it."""
    kinds = dict.fromkeys(kind_of(name) for name in names)
    return {_KINDS.get(kind, kind): NOTES[kind] for kind in kinds if kind in NOTES}
