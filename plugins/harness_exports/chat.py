"""Write conversations as OpenAI chat JSONL with tools: what trainers of SFT read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.assembly.config import read_options
from harness.protocols import Settings
from harness.types import Episode, Recording
from harness_exports.messages import Row, chat_messages, tool_schemas, trained
from harness_exports.written import WriteOnly, warn_if_held_out, write_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """``which`` conversations: the solved ones, or all without a fault. ``metadata``: each line
    also says which conversation it is and what it was worth, which some services refuse.
    """

    which: Literal["solved", "all"] = "solved"
    metadata: bool = False


@dataclass(frozen=True)
class ChatFormat(WriteOnly):
    """A line for each conversation: ``messages`` up to the agent's last, and ``tools``."""

    options: ChatOptions = ChatOptions()
    name = "chat"

    def write(self, recording: Recording, path: Path) -> None:
        warn_if_held_out(recording, "chat lines")
        if not recording.tools:
            warnings.warn(
                "the domain is not here, so that the lines have no tools and no policy text",
                stacklevel=2,
            )
        episodes = [e for e in recording.episodes if self._wanted(e)]
        write_lines(path, (row for e in episodes if (row := self._line(recording, e))))

    def _wanted(self, episode: Episode) -> bool:
        return not episode.uncounted and (self.options.which == "all" or episode.score.success)

    def _line(self, recording: Recording, episode: Episode) -> Row:
        messages = trained(chat_messages(episode.trajectory, recording.policy))
        if not messages:
            return {}
        row: Row = {"messages": [*messages], "tools": tool_schemas(recording)}
        if self.options.metadata:
            row["metadata"] = {
                "id": episode.trajectory.id,
                "task_id": episode.task.id,
                "trial": episode.trajectory.trial,
                "success": episode.score.success,
                "reward": episode.score.total,
            }
        return row


def chat_format(settings: Settings) -> ChatFormat:
    """Raises ``ConfigError`` for unknown options."""
    return ChatFormat(read_options(ChatOptions, settings, name="chat"))
