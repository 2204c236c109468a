"""The names of arms, evaluations and stations, which tie a run folder together: built and parsed
here alone. They are text, so that files and reports hold them as they are.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal, get_args

from harness.types.tasks import Split

ControlKind = Literal["generic", "oracle"]
"""What a control is trained on: tasks of SFT's own kind, or of the mix that the test has."""

_ROUND = re.compile(r"(?P<kind>rl|generic|oracle)-(?P<round>[0-9]{1,9})$")
_NUMBERED = re.compile(r"(discover|inject) (?P<round>[0-9]{1,9})$")
_WARM = re.compile(r"(?P<arm>.+)/warm$")
_STEP = re.compile(r"(?P<arm>.+)/step-(?P<step>[0-9]{1,9})$")


class ArmName(str):
    """One policy of a run: "base", "sft", "policy" (evaluated as it is), "continued" (more SFT),
    "rl-N" and its controls "generic-N" and "oracle-N" of round N; "ARM/warm" for what its warm
    start leaves and "ARM/step-K" for weights kept on the way.
    """

    __slots__ = ()
    BASE: ClassVar[ArmName]
    SFT: ClassVar[ArmName]
    POLICY: ClassVar[ArmName]
    CONTINUED: ClassVar[ArmName]

    @classmethod
    def targeted(cls, number: int) -> ArmName:
        """The arm that round ``number`` trains on targeted tasks."""
        return cls(f"rl-{number}")

    @classmethod
    def control(cls, kind: ControlKind, number: int) -> ArmName:
        """The arm of round ``number`` that targeting is compared with."""
        return cls(f"{kind}-{number}")

    @classmethod
    def studied(cls, number: int) -> ArmName:
        """The arm whose failures round ``number`` reads: the newest policy before it."""
        return cls.SFT if number == 1 else cls.targeted(number - 1)

    def at_step(self, step: int) -> ArmName:
        """The arm's weights as they were after that step."""
        return ArmName(f"{self}/step-{step}")

    @property
    def warm(self) -> ArmName:
        """The arm after its warm start, before RL."""
        return ArmName(f"{self}/warm")

    @property
    def kind(self) -> str:
        """What it is: "rl", "generic" or "oracle" of a round, "warm" or "step" on the way to an
        arm, else its name.
        """
        if _STEP.match(self):
            return "step"
        if _WARM.match(self):
            return "warm"
        found = _ROUND.match(self)
        return found["kind"] if found else str(self)

    @property
    def round(self) -> int:
        """The round it belongs to; 0 if none."""
        found = _ROUND.match(self)
        return int(found["round"]) if found else 0

    @property
    def step(self) -> int:
        """The step of weights kept on the way; 0 for others."""
        found = _STEP.match(self)
        return int(found["step"]) if found else 0


ArmName.BASE, ArmName.SFT = ArmName("base"), ArmName("sft")
ArmName.POLICY, ArmName.CONTINUED = ArmName("policy"), ArmName("continued")


class EvaluationName(str):
    """An arm's conversations on a split's tasks: "ARM-SPLIT"."""

    __slots__ = ()

    @classmethod
    def of(cls, arm: str, split: Split) -> EvaluationName:
        return cls(f"{arm}-{split}")

    @property
    def arm(self) -> ArmName:
        """The arm; "" where the name has none."""
        return ArmName(self.rpartition("-")[0])

    @property
    def on_split(self) -> Split | None:
        """The split of its tasks; None where the name has none."""
        found = self.rpartition("-")[2]
        return next((split for split in get_args(Split) if split == found), None)


class StationName(str):
    """One step of a run, marked when it is complete: "base", "sft", "train ARM", "discover N",
    "inject N", "evaluate ARM on SPLIT".
    """

    __slots__ = ()
    BASE: ClassVar[StationName]

    @classmethod
    def train(cls, arm: str) -> StationName:
        return cls(arm if arm == ArmName.SFT else f"train {arm}")

    @classmethod
    def discover(cls, number: int) -> StationName:
        return cls(f"discover {number}")

    @classmethod
    def inject(cls, number: int) -> StationName:
        return cls(f"inject {number}")

    @classmethod
    def evaluate(cls, arm: str, split: Split) -> StationName:
        return cls(f"evaluate {arm} on {split}")

    @property
    def kind(self) -> str:
        """What is done: "base", "train", "discover", "inject" or "evaluate"."""
        return "train" if self == StationName.train(ArmName.SFT) else self.partition(" ")[0]

    @property
    def evaluation(self) -> EvaluationName | None:
        """What an evaluating station leaves; None for others."""
        arm, on, split = self.removeprefix("evaluate ").rpartition(" on ")
        is_evaluation = self.startswith("evaluate ") and bool(on)
        return EvaluationName(f"{arm}-{split}") if is_evaluation else None

    @property
    def round(self) -> int:
        """The round that it discovers, injects or trains in; 0 if none."""
        if found := _NUMBERED.match(self):
            return int(found["round"])
        arm = self.removeprefix("train ") if self.startswith("train ") else ""
        return ArmName(arm.removesuffix("/warm")).round

    @property
    def is_test(self) -> bool:
        """Whether it evaluates on test tasks."""
        return self.evaluation is not None and self.evaluation.on_split == "test"


StationName.BASE = StationName("base")
