"""Turn a failed episode into a diagnosis, and statements into verdicts, by asking a chat model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from harness.llm.prompts import prompt
from harness.llm.quoting import call_text, change_text, conversation, plain, quoted
from harness.llm.structured import Form, fill_in
from harness.protocols import ChatClient, Domain
from harness.types import Blame, Diagnosis, Episode, Severity, Task, Tool, Trajectory

KINDS = (
    "wrong_tool", "extra_write", "missing_step", "missing_confirmation", "missing_transfer",
    "needless_transfer", "should_have_refused", "should_have_acted", "not_said", "gave_up",
    "invalid_call", "repeated_call", "no_progress", "wrong_state",
    "left_too_early", "turned_down_right_offer", "contradicted_scenario", "named_unknown",
    "misstated_identity", "withheld_fact", "added_request", "forgot_request", "repeated_itself",
    "spoke_as_agent", "gold_fails", "gold_wrong", "gold_incomplete", "unsolvable", "tool_error",
)  # fmt: skip
"""Mistakes that can be made in every domain; what a domain's features provoke comes on top."""

Line = Annotated[str, Field(min_length=1, max_length=600)]


class Verdict(BaseModel):
    """Whose fault a failure was, and what went wrong."""

    blame: Blame
    turn: int = Field(ge=0, description="Index of the message with the decisive mistake")
    kind: str = Field(pattern=r"^[a-z][a-z0-9_]{2,39}$", description="The mistake as a slug")
    tool: str = Field("", description="The tool that was misused or not used; empty if none")
    summary: Line = Field(description="One sentence with the concrete values")
    evidence: list[Line] = Field(max_length=5, description="Quotes, word for word")
    severity: Severity


class Decision(BaseModel):
    """Whether one statement holds."""

    number: int = Field(description="The statement's number")
    reason: Line
    holds: bool


class Decisions(BaseModel):
    """One decision for each statement, in order."""

    decisions: list[Decision]


VERDICT = Form(name="verdict", description="Give the verdict on the failure.", shape=Verdict)
DECISIONS = Form(
    name="decisions", description="Say of each statement whether it holds.", shape=Decisions
)


class LLMJudge:
    """Asks once for each failure, and once more where the answer cannot be used.

    ``seed`` tells two judges on the same model apart: their answers are not each other's.
    ``offered`` are kinds of mistakes it may name besides those that have a name.
    """

    def __init__(self, chat: ChatClient, *, seed: int = 0, offered: Sequence[str] = ()) -> None:
        self.chat = chat
        self.seed = seed
        self.offered = offered

    @property
    def name(self) -> str:
        return f"{self.chat.provider}:{self.chat.model}"

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        """What the model says, with only those quotes that are literal.

        Raises ``RolloutFault`` ("infrastructure_fault") if two answers in a row cannot be used.
        """
        about, case = prompt("judge"), describe(failure, domain)
        verdict = await fill_in(
            VERDICT,
            self.chat,
            case,
            system=about.fill(
                kinds=", ".join(sorted((*known_kinds(domain), *self.offered)))
                if self.offered
                else ", ".join(known_kinds(domain)),
                policy=domain.policy or "(none are written down)",
                tools="\n".join(_tool_line(tool) for tool in domain.tools),
            ),
            version=about.version,
            seed=self.seed,
            check=lambda verdict: _objections(verdict, failure, domain),
        )
        return Diagnosis(
            trajectory_id=failure.trajectory.id,
            task_id=failure.task.id,
            blame=verdict.blame,
            kind=verdict.kind,
            turn=verdict.turn,
            summary=plain(verdict.summary),
            evidence=_evidence(verdict.evidence, case),
            severity=verdict.severity,
            tool=verdict.tool,
        )

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        """One verdict for each statement, in order.

        Raises ``RolloutFault`` ("infrastructure_fault") if two answers in a row are not one verdict
        for each: a missing verdict is never a pass.
        """
        if not assertions:
            return []
        about = prompt("decide")
        numbers = list(range(1, len(assertions) + 1))
        statements = zip(numbers, assertions, strict=True)
        found = await fill_in(
            DECISIONS,
            self.chat,
            "\n".join(
                [
                    "# The conversation",
                    conversation(trajectory.messages),
                    "# The statements",
                    *(f"{number}. {quoted(text)}" for number, text in statements),
                ]
            ),
            system=about.text,
            version=about.version,
            seed=self.seed,
            check=lambda found: _miscounted(found, numbers),
        )
        return [decision.holds for decision in found.decisions]


def known_kinds(domain: Domain) -> list[str]:
    """The kinds of mistakes that have a name: those of all domains, then this domain's own."""
    own = (kind for feature in domain.features for kind in feature.provokes)
    return list(dict.fromkeys((*KINDS, *own)))


def describe(failure: Episode, domain: Domain) -> str:
    """The failure as quoted data: the task, the wanted and the actual changes, the conversation."""
    task, trajectory, grade = failure.task, failure.trajectory, failure.grade
    scenario = task.scenario
    info = {
        "reason": scenario.reason,
        "knows": scenario.known,
        "does not know": scenario.unknown,
        "instructions": scenario.instructions,
    }
    known = [
        "# The task, as the customer has it",
        *(f"{name}: {quoted(text)}" for name, text in info.items() if text),
        *_section("The calls that were wanted", [call_text(call) for call in task.gold]),
        f"The domain's solver {'finds no' if domain.solve(task) is None else 'finds a'} solution.",
        *_section("The changes that were wanted", [change_text(c) for c in grade.wanted]),
        *_section("The changes that were made", [change_text(c) for c in grade.actual]),
        *_section("What had to be said and was not", [quoted(t) for t in grade.unsaid]),
    ]
    if not task.world and not any(info.values()):
        known = ["# The task", "Nothing is known of what was wanted but the conversation itself."]
    return "\n".join(
        [
            *known,
            *_section("Parts of the grade", [f"{n}: {v}" for n, v in grade.parts.items()]),
            "# The conversation",
            conversation(trajectory.messages),
            f"It ended so: {trajectory.ended}.",
        ]
    )


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return [f"# {title}", *(lines or ["(none)"])]


def _tool_line(tool: Tool) -> str:
    required = tool.parameters.get("required", [])
    named = ", ".join(map(str, required)) if isinstance(required, list) else ""
    return f"- {tool.name}({named}), {tool.kind}: {tool.description}"


def _objections(verdict: Verdict, failure: Episode, domain: Domain) -> list[str]:
    """What a verdict of the right shape gets wrong about the case."""
    objections = []
    last = len(failure.trajectory.messages) - 1
    if verdict.turn > last:
        objections.append(f"turn: there is no message {verdict.turn}, the last one is {last}")
    names = {tool.name for tool in domain.tools} | {c.name for c in failure.trajectory.calls}
    if verdict.tool and verdict.tool not in names:
        objections.append("tool: there is no such tool, leave it empty if none was misused")
    return objections


def _evidence(quotes: Sequence[str], case: str) -> str:
    """The quotes that the case holds word for word, and how many it does not hold."""
    words = _words(case)
    found = [plain(quote) for quote in quotes if _words(quote) and _words(quote) in words]
    lost = len(quotes) - len(found)
    note = [f"({lost} of {len(quotes)} quotes left out: not in the case)"] if lost else []
    return " | ".join([*found, *note])


def _words(text: str) -> str:
    """The text without escapes, outer quotes and line breaks, which quotes of it may lack."""
    return " ".join(text.replace('\\"', '"').replace("\\n", " ").split()).strip('"')


def _miscounted(found: Decisions, numbers: Sequence[int]) -> list[str]:
    given = [decision.number for decision in found.decisions]
    if given == numbers:
        return []
    return [f"decisions: one for each of the statements {numbers} is wanted, found {given}"]
