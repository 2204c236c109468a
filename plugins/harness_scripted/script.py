"""Turn acts into an agent's turns: questions, calls, proposals and closings, in few words."""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace

from harness.protocols import AgentTurn, Domain
from harness.types import Fact, Json, Message, Task, Tool, ToolCall, stable_seed
from harness_scripted.phrases import AGENT, AgentPhrases
from harness_scripted.plan import Act, Step
from harness_scripted.slips import misread, mistaken
from harness_scripted.speech import agrees, contains_any, normal, wavers

Turns = Generator[AgentTurn, tuple[Message, ...], None]
"""Yields the next turn; is sent the conversation as it stands before the one after."""

PROPOSALS = 3
"""How often a write is proposed, or told, before the agent goes on without it."""


class Script:
    """One conversation of a teacher.

    slips: how often, per opportunity in [0, 1], it makes a mistake and puts it right.
    phrases: the words it chooses from.
    """

    def __init__(
        self,
        task: Task,
        domain: Domain,
        *,
        seed: int,
        slips: float = 0.0,
        phrases: AgentPhrases = AGENT["plain"],
    ) -> None:
        self.task = task
        self.tools = {tool.name: tool for tool in domain.tools}
        self.user_tools = {tool.name: tool for tool in domain.user_tools}
        self.slips = slips
        self.phrases = phrases
        self.rng = random.Random(stable_seed("script", task.id, seed))
        self.messages: tuple[Message, ...] = ()
        self.asked: list[Fact] = []
        self.calls = 0

    def play(self, acts: Sequence[Act], messages: tuple[Message, ...]) -> Turns:
        """The turns for the acts in order; then it keeps offering more help."""
        self.messages = messages
        for act in acts:
            yield from self._perform(act)
        while True:
            yield from self._say(self._pick(self.phrases.more))

    def _perform(self, act: Act) -> Turns:
        facts = (*self.task.scenario.identity, *act.request.facts)
        closing = self._closing(act)
        for step in act.steps:
            if step.call.requestor == "user":
                yield from self._instruct(step.call)
                continue
            yield from self._ask(facts, step)
            if step.proposals:
                yield from self._propose(act, step)
                if not agrees(self.messages[-1].content):
                    closing = self._pick(self.phrases.unconfirmed)
                    continue
            yield from self._slip(step)
            for _ in range(step.times):
                yield from self._call(step.call)
            if step.proposals and self.messages[-1].is_error:
                closing = self._pick(self.phrases.failed)
        yield from self._end(act, closing)

    # --- questions and proposals -----------------------------------------------------------------

    def _ask(self, facts: Sequence[Fact], step: Step) -> Turns:
        """One question for all that the call needs and the user has not said yet."""
        needed = {name for call in (step.call, *step.proposals) for name in call.arguments}
        heard = " ".join(normal(m.content) for m in self.messages if m.role == "user")
        missing = [
            fact
            for fact in facts
            if needed.intersection(fact.needed_for)
            and fact not in self.asked
            and not fact.volunteered
            and not contains_any(heard, fact.says)
        ]
        if missing:
            self.asked += missing
            topics = " and ".join(dict.fromkeys(fact.about for fact in missing))
            yield from self._say(self._pick(self.phrases.question).format(topics))

    def _propose(self, act: Act, step: Step) -> Turns:
        *first, last = step.proposals
        for call in first:
            yield from self._say(self._offer(call))
        if not first and self._slips():
            wrong = mistaken(last, act.request, self.tools[last.name], self.messages)
            if wrong:
                yield from self._say(self._offer(wrong))
        for _ in range(PROPOSALS):
            yield from self._say(self._offer(last))
            if agrees(self.messages[-1].content):
                return

    def _offer(self, call: ToolCall) -> str:
        """Every argument verbatim: small policies copy the call from this sentence."""
        said = self._pick(self.phrases.offer).format(
            normal(call.name), ", ".join(_details(call, self.tools[call.name]))
        )
        return f"{said} {self._pick(self.phrases.confirm)} (yes/no)?"

    def _instruct(self, call: ToolCall) -> Turns:
        """Have the user make the call itself; say so again to one who hesitates or went astray."""
        for _ in range(PROPOSALS):
            yield from self._say(self._told(call))
            if not wavers(self.messages[-1].content):
                return

    def _told(self, call: ToolCall) -> str:
        details = ", ".join(_details(call, self.user_tools[call.name]))
        wanted = ", with ".join(filter(None, (normal(call.name), details)))
        return self._pick(self.phrases.instruct).format(wanted)

    # --- calls -----------------------------------------------------------------------------------

    def _slip(self, step: Step) -> Turns:
        tool = self.tools.get(step.call.name)
        wrong = misread(step.call, self.rng) if tool and tool.kind == "read" else None
        if wrong and self._slips():
            yield from self._call(wrong)

    def _call(self, call: ToolCall) -> Turns:
        self.calls += 1
        made = replace(call, id=f"call_{self.calls}")
        self.messages = yield AgentTurn(message=Message(role="assistant", calls=(made,)))

    # --- endings ---------------------------------------------------------------------------------

    def _closing(self, act: Act) -> str:
        if act.ending == "refused":
            why = act.refusal.rstrip(".") or self._pick(self.phrases.no_reason)
            return f"{self._pick(self.phrases.sorry)}, but {why}."
        if act.tell:
            return f"Here is what you asked for: {', '.join(act.tell)}."
        return self._pick(self.phrases.done)

    def _end(self, act: Act, closing: str) -> Turns:
        if act.ending == "stop":
            message = Message(role="assistant", content=self._pick(self.phrases.stop))
            self.messages = yield AgentTurn(message=message, stop=True)
        elif act.ending == "transferred":
            names = [step.call.name for step in act.steps]
            followups = [self.tools[name].followup for name in names if name in self.tools]
            yield from self._say(
                next(filter(None, reversed(followups)), self.phrases.transferred[0])
            )
        else:
            yield from self._say(f"{closing} {self._pick(self.phrases.more)}")
            if act.ending == "refused" and act.request.want and self._insists(act):
                yield from self._say(f"{closing} {self._pick(self.phrases.more)}")

    def _insists(self, act: Act) -> bool:
        return contains_any(normal(self.messages[-1].content), act.request.says)

    def _say(self, text: str) -> Turns:
        self.messages = yield AgentTurn(message=Message(role="assistant", content=text))

    def _pick(self, wordings: Sequence[str]) -> str:
        return wordings[0] if len(wordings) == 1 else self.rng.choice(wordings)

    def _slips(self) -> bool:
        return self.slips > 0 and self.rng.random() < self.slips


def _details(call: ToolCall, tool: Tool) -> Iterator[str]:
    """Each argument with its noun; of lists each element, and those of equal length in turns.

    An object is its values: elements that are objects say themselves what belongs together.
    """
    told: set[str] = set()
    for name, value in call.arguments.items():
        if not isinstance(value, list):
            yield f"{tool.noun(name)} {_plain(value)}"
        elif all(isinstance(element, dict) for element in value):
            yield from (f"{tool.noun(name)} {_plain(element)}" for element in value)
        elif name not in told:
            lists = {
                other: values
                for other, values in call.arguments.items()
                if isinstance(values, list) and len(values) == len(value)
            }
            told.update(lists)
            for row in zip(*lists.values(), strict=True):
                yield from (f"{tool.noun(n)} {_plain(v)}" for n, v in zip(lists, row, strict=True))


def _plain(value: Json) -> str:
    if isinstance(value, dict):
        return " ".join(map(_plain, value.values()))
    return value if isinstance(value, str) else json.dumps(value)
