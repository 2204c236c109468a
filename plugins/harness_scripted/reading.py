"""Turn an episode into what a judge compares: calls made, calls wanted, messages by request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.protocols import Domain
from harness.types import Episode, Message, Request, Tool, ToolCall
from harness_scripted.speech import contains_any, hear, normal, touches

REPEATS = 3
"""This many equal calls are a loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A call of either side, the index of its message, its tool (None: no such) and its result."""

    turn: int
    call: ToolCall
    tool: Tool | None
    result: Message | None

    @property
    def malformed(self) -> bool:
        """Whether the tool does not exist, or lacks an argument that it requires."""
        required = self.tool.parameters.get("required", []) if self.tool else None
        if not isinstance(required, list):
            return self.tool is None
        return not set(map(str, required)) <= set(self.call.arguments)

    @property
    def failed(self) -> bool:
        return self.result is not None and self.result.is_error

    @property
    def kind(self) -> str:
        return self.tool.kind if self.tool else ""


class Reading:
    """One episode, read once: each property is computed when a rule first asks for it."""

    def __init__(self, episode: Episode, domain: Domain) -> None:
        self.task = episode.task
        self.trajectory = episode.trajectory
        self.grade = episode.grade
        self.domain = domain
        self.messages = episode.trajectory.messages
        self.tools = {tool.name: tool for tool in domain.tools}
        self.user_tools = {tool.name: tool for tool in domain.user_tools}
        self.requests = episode.task.scenario.requests

    @cached_property
    def made(self) -> list[Made]:
        """The agent's calls in order."""
        return list(self._made("assistant", self.tools))

    @cached_property
    def acted(self) -> list[Made]:
        """The user's calls in order."""
        return list(self._made("user", self.user_tools))

    def _made(self, role: str, tools: Mapping[str, Tool]) -> Iterator[Made]:
        """Results follow their message in the order of its calls."""
        for turn, message in enumerate(self.messages):
            if message.role != role:
                continue
            for offset, call in enumerate(message.calls, start=1):
                at = self.messages[turn + offset : turn + offset + 1]
                result = at[0] if at and at[0].role == "tool" else None
                yield Made(turn=turn, call=call, tool=tools.get(call.name), result=result)

    @cached_property
    def writes(self) -> list[Made]:
        """The agent's writes that took effect."""
        return [made for made in self.made if made.kind == "write" and not made.failed]

    @cached_property
    def changed(self) -> list[Made]:
        """The user's writes that took effect."""
        return [made for made in self.acted if made.kind == "write" and not made.failed]

    @cached_property
    def _gold(self) -> list[ToolCall]:
        """The gold calls that succeed in a fresh world (benchmarks hold some that do not)."""
        world = self.domain.open(self.task)
        results = [(call, world.call(call)) for call in self.task.gold]
        return [call for call, result in results if not result.is_error]

    @cached_property
    def wanted(self) -> list[ToolCall]:
        """The gold writes of the agent."""
        return [call for call in self._gold if self._writes(call) and not self._is_users(call)]

    @cached_property
    def unmatched(self) -> tuple[list[Made], list[ToolCall]]:
        """Writes made that nobody wanted, and wanted writes that were not made."""
        return _unmatched(self.writes, self.wanted)

    @cached_property
    def user_unmatched(self) -> tuple[list[Made], list[ToolCall]]:
        """The same of the user's writes."""
        wanted = [call for call in self._gold if self._writes(call) and self._is_users(call)]
        return _unmatched(self.changed, wanted)

    @cached_property
    def steps(self) -> list[list[ToolCall]]:
        """The writes of both sides for each request, in order; [] if the solver sees none."""
        groups = self.domain.solve(self.task) or ()
        return [list(filter(self._writes, calls)) for calls in groups]

    def _is_users(self, call: ToolCall) -> bool:
        """Whether it is a call of the user, and of a tool that the user has."""
        return call.requestor == "user" and call.name in self.user_tools

    def _writes(self, call: ToolCall) -> bool:
        tools = self.user_tools if self._is_users(call) else self.tools
        return call.name in tools and tools[call.name].kind == "write"

    @cached_property
    def repeated(self) -> Made | None:
        """The third of three equal calls, if there are that many."""
        seen: Counter[str] = Counter()
        for made in self.made:
            key = repr((made.call.name, sorted(made.call.arguments.items())))
            seen[key] += 1
            if seen[key] == REPEATS:
                return made
        return None

    @cached_property
    def handover(self) -> Made | None:
        """The first call that handed the user over; None if there was none."""
        return next((made for made in self.made if _hands_over(made)), None)

    @property
    def last_turn(self) -> int:
        """The index of the agent's last message."""
        turns = (i for i, m in enumerate(self.messages) if m.role == "assistant")
        return max(turns, default=0)

    def request_of(self, call: ToolCall) -> int:
        """The index of the request that wants a call, as one of its steps at least; -1 if none
        does.
        """
        wants = (n for n, r in enumerate(self.requests) if r.want and r.want.same_as(call))
        found = next(wants, -1)
        if found >= 0:
            return found
        steps = enumerate(self.steps)
        return next((n for n, calls in steps if any(one.same_as(call) for one in calls)), -1)

    @cached_property
    def openings(self) -> list[int | None]:
        """Where the user brings up each request; None if its wording is not found."""
        users = [(i, normal(m.content)) for i, m in enumerate(self.messages) if m.role == "user"]
        found: list[int | None] = []
        for request in self.requests:
            past = max((start for start in found if start is not None), default=-1)
            hits = (i for i, text in users if i > past and contains_any(text, request.says))
            found.append(next(hits, None))
        return found

    @cached_property
    def wordings(self) -> list[str]:
        """Every sentence that the scenario gives the user to say."""
        scenario = self.task.scenario
        facts = [*scenario.identity, *(fact for r in self.requests for fact in r.facts)]
        says = [fact.says for fact in facts] + [request.says for request in self.requests]
        says += [request.revision.says for request in self.requests if request.revision]
        return [text for wordings in says for text in wordings]

    def current(self, turn: int) -> int:
        """The index of the request being served at a message; -1 if that cannot be told."""
        opened = [(i, n) for n, i in enumerate(self.openings) if i is not None and i < turn]
        return max(opened)[1] if opened else -1

    def span(self, request: int) -> range:
        """The messages from where the user brings a request up to where it brings up another.

        The whole conversation if no request's wording is found in it; empty if only others' are.
        """
        if request < 0 or all(start is None for start in self.openings):
            return range(len(self.messages))
        start = self.openings[request]
        if start is None:
            return range(0)
        later = [s for s in self.openings if s is not None and s > start]
        return range(start, min(later, default=len(self.messages)))

    def refusal_in(self, span: range) -> int | None:
        """Where the agent first refused in a span that it then left at that; None if it did not."""
        texts = [i for i in span if self.is_text(i) and not self._is_bare_closing(i)]
        refusing = [i for i in texts if hear(self.messages[i].content).refuses]
        if not refusing or refusing[-1] != texts[-1]:
            return None
        return refusing[0]

    def hopeless(self, made: Made) -> Request | None:
        """The request that a write wrongly served: it was to be refused or handed over. Or None."""
        at = self.current(made.turn)
        if at >= 0:
            return self.requests[at] if self.requests[at].outcome != "done" else None
        name = normal(made.call.name)
        fitting = [r for r in self.requests if r.outcome != "done" and touches(name, r.verbs)]
        return next(iter(fitting), None)

    def is_text(self, index: int) -> bool:
        """Whether a message is words of the agent alone."""
        message = self.messages[index]
        return message.role == "assistant" and not message.calls

    def _is_bare_closing(self, index: int) -> bool:
        heard = hear(self.messages[index].content)
        return heard.closes and not heard.refuses and not heard.reports


def is_guided(steps: Sequence[ToolCall]) -> bool:
    """Whether some of the steps are the user's."""
    return any(call.requestor == "user" for call in steps)


def _unmatched(
    made: Sequence[Made], wanted: Sequence[ToolCall]
) -> tuple[list[Made], list[ToolCall]]:
    left, extra = list(wanted), []
    for one in made:
        match = next((call for call in left if call.same_as(one.call)), None)
        if match is None:
            extra.append(one)
        else:
            left.remove(match)
    return extra, left


def _hands_over(made: Made) -> bool:
    tool = made.tool
    return (
        tool is not None
        and tool.kind == "generic"
        and bool(tool.followup or "transfer" in tool.name)
    )
