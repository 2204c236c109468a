"""Turn acts into the turns of an agent that takes its user at its word, right or wrong."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator

from harness.protocols import AgentTurn
from harness.types import Fact, Json, Message, ToolCall
from harness_scripted.bench import Bench, flat, shape
from harness_scripted.phrases import AgentPhrases
from harness_scripted.plan import Act, Step
from harness_scripted.script import PROPOSALS, Script, Turns
from harness_scripted.slips import with_argument
from harness_scripted.speech import agrees, contains_any, keeps_to_itself, normal

ASKS = 2
"""How often a fact is asked for before the request is given up."""


class Listener(Script):
    """Knows the task as its parent does, but lets the user's words overrule it.

    It uses values that the user insists on, looks up what the user gives as its identity, carries
    out what the user adds, and gives up on what the user does not tell. Where what the user sees on
    its own device is not what makes the next steps needed, it leaves them out.
    """

    def __init__(self, bench: Bench, *, seed: int, phrases: AgentPhrases) -> None:
        super().__init__(bench.task, bench.domain, seed=seed, phrases=phrases)
        self.bench = bench
        self.lost = self.misled = False
        self.expected = bench.domain.open(bench.task)

    def _perform(self, act: Act) -> Turns:
        if self.lost:
            return
        closing, made = self._closing(act), None
        for step in act.steps:
            if not (yield from self._sees_to(step)):
                continue
            missing = yield from self._learn(act, step)
            if missing is not None:
                closing = self._without(missing)
                break
            call = self._as_said(step.call)
            if step.proposals:
                call = yield from self._agree_on(step)
                if not agrees(self.messages[-1].content):
                    closing = self._pick(self.phrases.unconfirmed)
                    continue
            for _ in range(step.times):
                yield from self._call(call)
            if self.messages[-1].is_error and (step.proposals or not call.same_as(step.call)):
                closing = self._pick(self.phrases.failed)
                self.lost = self.bench.kind(call) == "read"
                break
            made = call if step.proposals else made
        yield from self._end(act, self._pick(self.phrases.failed) if self.lost else closing)
        if made is not None and not self.lost:
            yield from self._do_more(act, made)

    def _sees_to(self, step: Step) -> Generator[AgentTurn, tuple[Message, ...], bool]:
        """Have the user take the step if it is the user's; whether the agent has to take it."""
        shown = " ".join(self.expected.call(step.call).content.split())
        looks = self.bench.kind(step.call) == "read"
        if self.lost or (self.misled and not looks):
            return False
        if step.call.requestor == "agent":
            self.misled = False
            return True
        yield from self._instruct(step.call)
        self.misled = looks and shown not in self.messages[-1].content
        return False

    def _instruct(self, call: ToolCall) -> Turns:
        """Give up on a user who does not tell what it sees."""
        for _ in range(ASKS):
            yield from super()._instruct(call)
            if self.bench.kind(call) != "read" or not keeps_to_itself(self.messages[-1].content):
                return
        self.lost = True

    def _learn(
        self, act: Act, step: Step
    ) -> Generator[AgentTurn, tuple[Message, ...], Fact | None]:
        """Ask for what the call needs; returns the fact that the user does not tell, if any."""
        facts = (*self.task.scenario.identity, *act.request.facts)
        for _ in range(ASKS):
            known = len(self.asked)
            yield from self._ask(facts, step)
            asked = self.asked[known:]
            refused = asked and bool(_IGNORANT.search(normal(self.messages[-1].content)))
            if not refused:
                return None
            self.asked = self.asked[:known]
        return asked[0]

    def _without(self, fact: Fact) -> str:
        return f"{self._pick(self.phrases.sorry)}, but I cannot do this without {fact.about}."

    def _agree_on(self, step: Step) -> Generator[AgentTurn, tuple[Message, ...], ToolCall]:
        """Propose until the user agrees; returns what was proposed last."""
        *first, call = step.proposals
        for proposal in first:
            yield from self._say(self._offer(proposal))
        for _ in range(PROPOSALS):
            yield from self._say(self._offer(call))
            if agrees(self.messages[-1].content):
                break
            call = next(self._meant(call), call)
        return call

    def _do_more(self, act: Act, made: ToolCall) -> Turns:
        call = next(self._meant(made), None)
        if call is None:
            return
        step = Step(call=call, proposals=(call,))
        call = yield from self._agree_on(step)
        if agrees(self.messages[-1].content):
            yield from self._call(call)
        yield from self._end(act, self._pick(self.phrases.done))

    def _meant(self, call: ToolCall) -> Iterator[ToolCall]:
        """The call with an argument for which the user's last message names another value."""
        said = normal(self.messages[-1].content)
        if contains_any(said, [text for r in self.task.scenario.requests for text in r.says]):
            return
        for name in call.arguments:
            for value in self.bench.alternatives(call, name):
                if all(normal(text) in said for text in flat(value)[:1]):
                    yield with_argument(call, name, value)

    def _as_said(self, call: ToolCall) -> ToolCall:
        """The look-up of who the user is, with what the user says of itself in it."""
        about = {name for fact in self.task.scenario.identity for name in fact.needed_for}
        said = [m.content for m in self.messages if m.role == "user"]
        tokens = [t.rstrip(".,!") for text in said for t in _TOKEN.findall(text)]
        if self.bench.kind(call) != "read":
            return call
        for name, value in call.arguments.items():
            if name in about and isinstance(value, str) and value not in tokens:
                call = with_argument(call, name, self._like(value, tokens))
        return call

    def _like(self, value: str, tokens: list[str]) -> Json:
        alike = [t for t in tokens if re.search(r"\d", t) and shape(t) == shape(value)]
        return alike[-1] if alike else value


_IGNORANT = re.compile(r"\b(?:not know|no idea|not sure|(?:cannot|can't) remember)\b")
_TOKEN = re.compile(r"[\w.@#+-]+")
