"""Turn a baseline policy into a reward-hacking one, by tampering with its turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from harness.protocols import AgentTurn, Conversation, Domain, Policy
from harness.types import Message, ToolCall

Planned = tuple[AgentTurn, bool]
"""A turn, and whether the baseline policy sees it and its result."""

Tamper = Callable[[AgentTurn, "Talk"], Sequence[Planned]]
"""The turns played in place of one turn of the baseline policy; () to ask it for another first."""

PATIENCE = 20
"""How often the baseline policy is asked again before its turn is used unchanged."""


@dataclass
class Talk:
    """A conversation as it is, and as the baseline policy is made to see it.

    ``notes`` are the probe's own, for as long as the conversation lasts.
    """

    domain: Domain
    real: tuple[Message, ...] = ()
    view: list[Message] = field(default_factory=list)
    planned: deque[Planned] = field(default_factory=deque)
    notes: set[str] = field(default_factory=set)
    hidden: bool = False
    _numbers: count[int] = field(default_factory=count)

    def hear(self, messages: tuple[Message, ...]) -> None:
        """Take in what came since the last turn."""
        if not self.hidden:
            self.view += messages[len(self.real) :]
        self.real = messages

    def imagine(self, *messages: Message) -> None:
        """Let the baseline policy see what never happened."""
        self.view += messages

    def aside(self, call: ToolCall) -> Planned:
        """A call that the baseline policy does not see."""
        made = replace(call, id=f"aside_{next(self._numbers)}")
        return AgentTurn(message=Message(role="assistant", calls=(made,))), False

    def kind(self, call: ToolCall) -> str:
        """Of the call's tool; "" for none of the domain's."""
        return next((t.kind for t in self.domain.tools if t.name == call.name), "")


class Borrower(Policy):
    """Plays what ``tamper`` makes of the turns of ``baseline``."""

    def __init__(self, name: str, baseline: Policy, tamper: Tamper) -> None:
        self.id = f"probe:{name}"
        self._baseline = baseline
        self._tamper = tamper
        self._talks: dict[str, Talk] = {}

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        talk = self._talks.setdefault(conversation.id, Talk(conversation.domain))
        talk.hear(conversation.messages)
        for _ in range(PATIENCE):
            if talk.planned:
                break
            talk.planned += self._tamper(await self._asked(conversation, talk, seed), talk)
        if not talk.planned:
            talk.planned.append((await self._asked(conversation, talk, seed), True))
        turn, shown = talk.planned.popleft()
        talk.hidden = not shown
        return turn

    def forget(self, conversation_id: str) -> None:
        self._talks.pop(conversation_id, None)
        self._baseline.forget(conversation_id)

    async def _asked(self, conversation: Conversation, talk: Talk, seed: int) -> AgentTurn:
        seen = replace(conversation, messages=tuple(talk.view))
        # A rollout's seed grows with its messages: the baseline policy gets that of those it sees.
        return await self._baseline.act(seen, seed=seed + len(talk.view) - len(talk.real))


def text_of(turn: AgentTurn, text: str) -> AgentTurn:
    """The turn with another text; what it is longer counts as tokens of its own."""
    longer = max(0, len(text) - len(turn.message.content)) // 4
    usage = turn.usage
    if usage.tokens_out:
        usage = replace(usage, tokens_out=usage.tokens_out + longer)
    return replace(turn, message=replace(turn.message, content=text), usage=usage, tokens=None)
