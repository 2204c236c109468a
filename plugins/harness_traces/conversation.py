"""Turn a conversation into what rules ask of it: each call with its result, what was said before
it, and the values that tools and user have named.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.interchange.inference import answered
from harness.llm.plain_json import loads
from harness.protocols import Domain
from harness.types import Episode, Json, Message, Tool, ToolCall

LONGEST = 200_000
"""Characters of a result that are read for values."""

_LEAVES = re.compile(
    r"\b(?:thanks|thank you|thx|bye|goodbye|cheers|that(?:'s| is| was|'ll be) (?:all|it|everything)"
    r"|nothing else|have a (?:nice|good|great) (?:day|one|evening))\b",
    re.IGNORECASE,
)
_FAREWELL = 12
"""A farewell has so many words at most."""

_YES = re.compile(
    r"\W*(?:yes|yeah|yep|sure|ok|okay|please do|go ahead|correct|right|exactly|that'?s? (?:is )?"
    r"(?:right|correct|fine)|confirm|agreed|sounds good|absolutely|of course|do it|fine|"
    r"ja|klar|genau|gerne|oui|d'accord|bien sûr|s[ií]|claro|vale|sim|certo|da|да|はい|是的?|好的?)"
    r"(?!\w)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A call of the agent. ``turn`` is the index of its message; ``reply`` is the user's last text
    before it, ``offer`` the agent's last one before that; "" if there was none.
    What the agent says beside its calls was offered to nobody.
    """

    call: ToolCall
    turn: int
    result: Message | None
    offer: str
    reply: str

    @property
    def failed(self) -> bool:
        return self.result is not None and self.result.is_error

    @property
    def worked(self) -> bool:
        return self.result is not None and not self.result.is_error


class Heard:
    """One conversation, read once for all rules."""

    def __init__(self, episode: Episode, domain: Domain) -> None:
        self.messages: Sequence[Message] = episode.trajectory.messages
        self.ended = episode.trajectory.ended
        self.tools: Mapping[str, Tool] = {tool.name: tool for tool in domain.tools}

    @cached_property
    def made(self) -> list[Made]:
        found = []
        pairs = answered(self.messages)
        said = offer = reply = ""
        for turn, message in enumerate(self.messages):
            if message.role == "user" and message.content:
                offer, reply = said, message.content
            if message.role != "assistant":
                continue
            said = message.content or said
            for _ in message.calls:
                call, result = next(pairs)
                found.append(Made(call=call, turn=turn, result=result, offer=offer, reply=reply))
        return found

    @cached_property
    def writes(self) -> list[Made]:
        return [made for made in self.made if self.kind(made.call) == "write"]

    def kind(self, call: ToolCall) -> str:
        tool = self.tools.get(call.name)
        return tool.kind if tool else ""

    @cached_property
    def said(self) -> list[tuple[int, str]]:
        """What the agent said, with the index of the message."""
        return self._texts("assistant")

    @cached_property
    def asked(self) -> list[tuple[int, str]]:
        """What the user said."""
        return self._texts("user")

    def _texts(self, role: str) -> list[tuple[int, str]]:
        return [(n, m.content) for n, m in enumerate(self.messages) if m.role == role and m.content]

    def known_before(self, turn: int) -> str:
        """All that user and tools have said before a message, in lower case."""
        return "\n".join(
            m.content[:LONGEST].casefold() for m in self.messages[:turn] if m.role != "assistant"
        )

    @cached_property
    def leaves(self) -> list[tuple[int, str, Json]]:
        """The fields of all results that are JSON: index of the message, name, value."""
        return [
            (turn, name, value)
            for turn, message in enumerate(self.messages)
            if message.role == "tool" and message.content[:1] in "{["
            for name, value in _leaves(message.content)
        ]


def values_of(arguments: Mapping[str, Json]) -> list[tuple[str, str]]:
    """Each plain value in the arguments, as text, with the name of its argument."""
    return [(name, text) for name, value in arguments.items() for text in _plain(value)]


def noun(argument: str) -> str:
    """What an argument stands for: "new_item" for "new_item_ids"."""
    slug = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", argument)).casefold().strip("_")
    return re.sub(r"(?:_?ids?|_numbers?)$", "", slug).removesuffix("s") or slug or "argument"


def takes_leave(text: str) -> bool:
    """Whether a user's message is a farewell, and no more."""
    return "?" not in text and len(text.split()) <= _FAREWELL and bool(_LEAVES.search(text))


def is_yes(reply: str) -> bool:
    """Whether the user's reply begins like a consent."""
    return bool(_YES.match(reply))


def alike(one: str, other: str) -> bool:
    """Whether two texts say nearly the same, in any script: by the three-letter sequences that they
    share (Jaccard, at least one half).
    """
    first, second = _trigrams(one), _trigrams(other)
    return len(first & second) * 2 >= len(first | second) > 8


def _trigrams(text: str) -> set[str]:
    plain = " ".join(text.casefold().split())
    return {plain[n : n + 3] for n in range(len(plain) - 2)}


def _plain(value: Json) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _plain(item)
    elif value is not None and not isinstance(value, bool) and str(value).strip():
        yield str(value).strip()


def _leaves(text: str) -> Iterator[tuple[str, Json]]:
    if len(text) > LONGEST:
        return
    try:
        value = loads(text)
    except ValueError:
        return
    yield from _below("", value)


def _below(name: str, value: Json) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _below(key, part)
    elif isinstance(value, list):
        for part in value:
            yield from _below(name, part)
    else:
        yield name, value
