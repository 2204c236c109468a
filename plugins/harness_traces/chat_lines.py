"""Read conversations in the form of OpenAI's chat API: a line, or an entry of a list, for each, or
for each request to the provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import read_options
from harness.errors import FormatError
from harness.protocols import Settings, TrajectoryFormat
from harness.types import Json, Recording
from harness_traces.joining import JOINED, chained, joined
from harness_traces.json_records import entries, first_entry
from harness_traces.messages import Chat, plain_table, read_chat, read_tools
from harness_traces.recordings import Record, recording_of
from harness_traces.requests import Logged, logged
from harness_traces.writing import refuse_writing

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
            return bool(read_chat(logged(first_entry(path)).messages).messages)
        except (FormatError, ValueError, OSError):
            return False

    def read(self, path: Path) -> Recording:
        """Raises ``FormatError`` naming the line that is no conversation."""
        return recording_of(joined(self._records(path)), path)

    def write(self, recording: Recording, path: Path) -> None:
        raise refuse_writing("openai-chat")

    def _records(self, path: Path) -> Iterator[Record]:
        found: list[tuple[str, Logged]] = []
        for place, entry in entries(path, lenient=self.options.skip_bad_lines, hint=SKIP):
            try:
                found.append((place, logged(entry)))
            except ValueError as error:
                yield self._left_out(path, place, error)
        for place, one, earlier in chained(found):
            try:
                chat = read_chat(one.messages)
            except ValueError as error:
                yield self._left_out(path, place, error)
                continue
            chat.odd.update({JOINED: earlier} if earlier else {})
            yield Record(
                chat=chat,
                rest=_rest(one.fields),
                tools=read_tools(one.fields.get("tools", one.fields.get("functions"))),
                task=str(one.fields.get("task_id") or ""),
                policy=str(one.fields.get("model") or ""),
                is_answered=one.is_answered,
            )

    def _left_out(self, path: Path, place: str, error: ValueError) -> Record:
        """Counts a line that is no conversation, or raises ``FormatError`` naming it."""
        if not self.options.skip_bad_lines:
            raise FormatError(
                f"{path}, {place}: no conversation in the form of OpenAI's chat API: {error}",
                hint=f'Each needs "messages" with roles. {SKIP}',
            ) from None
        lost = Chat()
        lost.odd["lines that are no conversation, left out"] += 1
        return Record(chat=lost)


def _rest(fields: Mapping[str, Json]) -> dict[str, Json]:
    taken = ("tools", "functions")
    return plain_table({name: value for name, value in fields.items() if name not in taken})
