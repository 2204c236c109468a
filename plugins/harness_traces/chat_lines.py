"""Read conversations in the form of OpenAI's chat API: a line, or an entry of a list, for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import read_options
from harness.errors import FormatError
from harness.protocols import Settings, TrajectoryFormat
from harness.types import Json, Recording
from harness_traces.json_records import entries, first_entry
from harness_traces.messages import Chat, plain_table, read_chat, read_tools
from harness_traces.recordings import Record, recording_of
from harness_traces.writing import refuse_writing

MESSAGES = ("messages", "conversation", "input")
"""Where a record may have its conversation."""

ANSWERS = ("response", "output", "completion")
"""Where a record of a request may have what came back."""


SKIP = "To leave out and count bad lines: --option openai-chat.skip_bad_lines=true."


@dataclass(frozen=True, kw_only=True)
class Options:
    """``skip_bad_lines``: leave out, and count, lines that are no conversation."""

    skip_bad_lines: bool = False


def chat_format(settings: Settings) -> TrajectoryFormat:
    return ChatFormat(read_options(Options, settings, name="openai-chat"))


class ChatFormat:
    """JSON Lines of ``{"messages": [...], "tools": [...], ...}`` or of lists of messages, or one
    JSON list of these. All else in a record is kept, to tell failures by.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        """Whether the first record has messages with roles."""
        if not path.is_file():
            return False
        try:
            return bool(_read(first_entry(path)).messages)
        except (FormatError, ValueError, OSError):
            return False

    def read(self, path: Path) -> Recording:
        """Raises ``FormatError`` naming the line that is no conversation."""
        return recording_of(self._records(path), path)

    def write(self, recording: Recording, path: Path) -> None:
        raise refuse_writing("openai-chat")

    def _records(self, path: Path) -> Iterator[Record]:
        for place, entry in entries(path, lenient=self.options.skip_bad_lines, hint=SKIP):
            try:
                chat = _read(entry)
            except ValueError as error:
                if not self.options.skip_bad_lines:
                    raise FormatError(
                        f"{path}, {place}: no conversation in the form of OpenAI's chat API: "
                        f"{error}",
                        hint=f'Each needs "messages" with roles. {SKIP}',
                    ) from None
                lost = Chat()
                lost.odd["lines that are no conversation, left out"] += 1
                yield Record(chat=lost)
                continue
            table = entry if isinstance(entry, dict) else {}
            yield Record(
                chat=chat,
                rest=_rest(table),
                tools=read_tools(table.get("tools", table.get("functions"))),
                task=str(table.get("task_id") or ""),
                policy=str(table.get("model") or ""),
            )


def _rest(table: Mapping[str, Json]) -> dict[str, Json]:
    taken = {*MESSAGES, *ANSWERS, "tools", "functions", "system"}
    return plain_table({name: value for name, value in table.items() if name not in taken})


def _read(entry: Json) -> Chat:
    """The conversation of a record. Raises ``ValueError`` in words."""
    if isinstance(entry, list):
        messages: Json = entry
    elif isinstance(entry, dict):
        messages = next((entry[name] for name in MESSAGES if name in entry), None)
        messages = _with_answer(_with_system(messages, entry), entry)
    else:
        raise ValueError(f"found {type(entry).__name__}")
    if not isinstance(messages, list):
        names = ", ".join(list(entry)[:6]) if isinstance(entry, dict) else ""
        raise ValueError(f'there is no list "messages" (found: {names})')
    return read_chat(messages)


def _with_system(messages: Json, entry: Mapping[str, Json]) -> Json:
    """The messages behind the system prompt that Anthropic's API takes beside them."""
    system = entry.get("system")
    if not isinstance(messages, list) or not isinstance(system, str | list) or not system:
        return messages
    return [{"role": "system", "content": system}, *messages]


def _with_answer(messages: Json, entry: Mapping[str, Json]) -> Json:
    """The messages of a logged request with those of its answer."""
    if not isinstance(messages, list):
        return messages
    for name in ANSWERS:
        answer = entry.get(name)
        if isinstance(answer, dict) and isinstance(answer.get("choices"), list):
            chosen = answer["choices"][:1] if isinstance(answer["choices"], list) else []
            found = [c["message"] for c in chosen if isinstance(c, dict) and "message" in c]
            return [*messages, *found]
        if isinstance(answer, dict) and "role" in answer:  # as Anthropic's API answers
            return [*messages, answer]
        if isinstance(answer, list) and answer and isinstance(answer[0], dict):
            return [*messages, *(m for m in answer if isinstance(m, dict) and "role" in m)]
    return messages
