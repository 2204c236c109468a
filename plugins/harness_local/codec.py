"""Turn messages into token ids and sampled ids back into messages, by the chat template."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from transformers import PreTrainedTokenizerBase

from harness.errors import ModelError
from harness.llm.plain_json import loads
from harness.llm.thoughts import CLOSES, OPENS, opens_thought, said_aloud
from harness.protocols import Domain
from harness.types import Json, Message, Tool, ToolCall

MALFORMED = "malformed_call"
"""The name of a call that cannot be read; no tool has it, so the policy gets an error back."""

_CALL = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|$)", re.DOTALL)
_TAGS = {OPENS, CLOSES, "<tool_call>", "</tool_call>"}
"""Are read, also where the tokenizer has them as special tokens."""

_THOUGHT_ENDS = f"\n{CLOSES}\n\n"
_MARK = "\u2063said\u2063"

_PROBE = ToolCall(name="look_up_zebra", arguments={"stripes": 17}, id="callzebra")
"""A call that no template contains: it tests whether a template shows calls."""

_PROBE_TOOL = Tool(
    name="count_gnus",
    description="Counts gnus.",
    parameters={
        "type": "object",
        "properties": {
            "stripes": {"type": "integer", "description": "How many.", "enum": [17, 18]},
            "herds": {"type": "array", "items": {"type": "string"}, "description": "Of which."},
        },
        "required": ["stripes"],
    },
    kind="read",
)
"""With a schema like those of domains: templates write out properties and what is required."""


class Transcript(Protocol):
    """The token side of one conversation; tell it of every message, in order."""

    def context(self, messages: Sequence[Message], *, unfinished: bool) -> list[int]:
        """The ids that stand between the agent's last turn and its next one.

        ``messages`` are what others said since; ``unfinished``: the last turn lacks its end token.
        """
        ...

    def write(self, message: Message, later: Sequence[Message] = ()) -> list[int]:
        """The ids with which the agent would say ``message``, end token included.

        ``later``: what comes after it, where that is known: it may tell what the agent had in mind.
        """
        ...

    def read(self, sampled: Sequence[int], *, number: int) -> Message:
        """What the agent said; ``number`` is the message's index. Nonsense never raises."""
        ...


class Codec(Protocol):
    """Writes conversations as tokens. ``ends`` are the ids that end a turn."""

    name: str
    ends: frozenset[int]

    def open(self, domain: Domain) -> Transcript:
        """A transcript of a new conversation."""
        ...

    def text_of(self, token: int) -> str:
        """What the token reads by itself; a special one by its name."""
        ...


def call_id(number: int, index: int) -> str:
    """The id of the ``index``-th call of message ``number``: the same in every replay."""
    return f"call_{number}_{index}" if index else f"call_{number}"


def heard(message: Message) -> bool:
    """Whether the agent sees a message: it does not see the user's own tool calls and results."""
    return message.requestor == "agent" and not (message.role == "user" and message.calls)


class ChatCodec:
    """Conversations as the chat template writes them, calls as JSON in ``<tool_call>`` tags.

    Raises ``ModelError`` if the template leaves out tools, calls or results, which would then be
    lost silently, or writes calls in another form.
    """

    name = "chat"

    def __init__(self, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]) -> None:
        self.tokenizer = tokenizer
        self.ends = ends
        self.has_text_arguments = False
        self._hidden = {
            token
            for token in tokenizer.all_special_ids
            if tokenizer.convert_ids_to_tokens(token) not in _TAGS
        }
        self._check_template()

    def open(self, domain: Domain) -> ChatTranscript:
        return ChatTranscript(self, domain)

    def text_of(self, token: int) -> str:
        return str(self.tokenizer.decode([token], clean_up_tokenization_spaces=False))

    def render(
        self, turns: Sequence[Mapping[str, Json]], tools: Sequence[Json], *, prompt: bool
    ) -> str:
        """The text; with ``prompt``, up to where the agent speaks. Raises ``ModelError``."""
        try:
            template: Any = self.tokenizer.apply_chat_template
            text = template(
                list(turns), tools=tools or None, add_generation_prompt=prompt, tokenize=False
            )
        except Exception as error:  # a template is a stranger's program
            raise ModelError(
                f"the chat template of {self.tokenizer.name_or_path} cannot be rendered: "
                f"{type(error).__name__}: {error}",
                hint="Use a model whose template supports tools and tool results.",
            ) from error
        return str(text)

    def encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def decode(self, ids: Sequence[int]) -> str:
        """The text without special tokens, but with the tags of thoughts and calls."""
        return str(self.tokenizer.decode([token for token in ids if token not in self._hidden]))

    def turn(self, message: Message) -> dict[str, Json]:
        """The message as the template takes it."""
        turn: dict[str, Json] = {"role": message.role, "content": message.content}
        if message.role == "tool":
            turn["tool_call_id"] = message.call_id
        if message.calls:
            turn["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": self._arguments(call)},
                }
                for call in message.calls
            ]
        return turn

    def _arguments(self, call: ToolCall) -> Json:
        given = dict(call.arguments)
        return json.dumps(given, ensure_ascii=False) if self.has_text_arguments else given

    def _check_template(self) -> None:
        """Find out how the template takes arguments. Raises ``ModelError`` if nothing works."""
        try:
            self._check_probe()
        except ModelError as error:
            self.has_text_arguments = True
            try:
                self._check_probe()
            except ModelError:
                raise error from error.__cause__

    def _check_probe(self) -> None:
        turns: list[Mapping[str, Json]] = [
            {"role": "system", "content": "-"},
            {"role": "user", "content": "-"},
            self.turn(Message(role="assistant", calls=(_PROBE,))),
            self.turn(Message(role="tool", content="Nine okapis.", call_id=_PROBE.id)),
        ]
        text = self.render(turns, [_PROBE_TOOL.schema()], prompt=True)
        shown = {
            "tools": _PROBE_TOOL.description in text,
            "calls": _PROBE.name in text,
            "results of calls": "Nine okapis." in text,
        }
        path = self.tokenizer.name_or_path
        if lost := [what for what, is_shown in shown.items() if not is_shown]:
            raise ModelError(
                f"the chat template of {path} leaves out {' and '.join(lost)}",
                hint="Use a tool-use model, or add a chat_template.jinja that shows them.",
            )
        if not any(parse_call(found, _PROBE.id) == _PROBE for found in _CALL.findall(text)):
            raise ModelError(
                f"the chat template of {path} writes calls in an unsupported form",
                hint='Supported is {"name": ..., "arguments": {...}} in <tool_call> tags, as in '
                "Qwen and Hermes.",
            )


class ChatTranscript:
    """One conversation through the chat template, written piece by piece and never rewritten.

    Templates that would drop or reformat earlier turns cannot: what was sampled stays as it was.
    """

    def __init__(self, codec: ChatCodec, domain: Domain) -> None:
        self._codec = codec
        self._tools: list[Json] = [tool.schema() for tool in domain.tools]
        self._system: Mapping[str, Json] = {"role": "system", "content": domain.policy}
        self._opened = False
        self._is_thinking = False
        """Whether the text so far ends inside a thought."""

    def context(self, messages: Sequence[Message], *, unfinished: bool) -> list[int]:
        turns = [self._codec.turn(message) for message in messages]
        is_first, self._opened = not self._opened, True
        before: list[Mapping[str, Json]] = (
            [self._system]
            if is_first
            else [{"role": "user", "content": "-"}, {"role": "assistant", "content": _MARK}]
        )
        text = self._codec.render([*before, *turns], self._tools, prompt=True)
        has_cut_thought, self._is_thinking = self._is_thinking, opens_thought(text)
        if is_first:
            return self._codec.encode(text)
        ids = self._codec.encode(text.rpartition(_MARK)[2])
        if not unfinished:
            return ids[1:] if ids[:1] and ids[0] in self._codec.ends else ids
        return [*self._codec.encode(_THOUGHT_ENDS), *ids] if has_cut_thought else ids

    def write(self, message: Message, later: Sequence[Message] = ()) -> list[int]:
        self._is_thinking = False
        before = [{"role": "user", "content": "-"}]
        prompt = self._codec.render(before, self._tools, prompt=True)
        text = self._codec.render([*before, self._codec.turn(message)], self._tools, prompt=False)
        said = text.removeprefix(prompt)
        if not text.startswith(prompt):
            said = _THOUGHT_ENDS + text.removeprefix(_before_thought(prompt))
            if not text.startswith(_before_thought(prompt)):
                raise ModelError(
                    "the chat template's generation prompt does not match the agent's turn",
                    hint="Use a template whose generation prompt is a prefix of the agent's turn.",
                )
        ids = self._codec.encode(said)
        end = next((i for i, token in enumerate(ids) if token in self._codec.ends), len(ids))
        return [*ids[:end], ids[end] if end < len(ids) else min(self._codec.ends)]

    def read(self, sampled: Sequence[int], *, number: int) -> Message:
        said = said_aloud(self._codec.decode(sampled), is_open=self._is_thinking)
        self._is_thinking = said is None
        text = said or ""
        calls = tuple(
            parse_call(found, call_id(number, index))
            for index, found in enumerate(_CALL.findall(text))
        )
        return Message(role="assistant", content=_CALL.sub("", text).strip(), calls=calls)


def _before_thought(prompt: str) -> str:
    """The prompt up to the thought that it opens; all of it if it opens none."""
    return prompt.rpartition(OPENS)[0] if opens_thought(prompt) else prompt


def parse_call(text: str, identity: str) -> ToolCall:
    """The call in ``{"name": ..., "arguments": {...}}``; else one named ``MALFORMED``."""
    unread = ToolCall(name=MALFORMED, arguments={"text": text}, id=identity)
    try:
        value = loads(text)
        arguments = value.get("arguments") if isinstance(value, dict) else None
        if isinstance(arguments, str):
            arguments = loads(arguments)
    except ValueError:
        return unread
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return unread
    if not isinstance(arguments := {} if arguments is None else arguments, dict):
        return unread
    return ToolCall(name=str(value["name"]), arguments=arguments, id=identity)
