"""Write pairs of a solved and a failed conversation of one task: what trainers on preferences read.

The form is that of a conversational dataset with an explicit prompt: Rafailov et al., "Direct
Preference Optimization" (arXiv:2305.18290), trains on such triples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge

from harness.assembly.config import read_options
from harness.protocols import Settings
from harness.types import Episode, Recording
from harness_exports.messages import Row, chat_messages, tool_schemas, trained
from harness_exports.written import WriteOnly, warn_if_held_out, write_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions:
    """``per_task``: pairs of one task at most; each conversation is in one. ``scope``: what is
    chosen and rejected is the rest of the conversation, or the agent's one turn where they part.
    """

    per_task: Annotated[int, Ge(1)] = 4
    scope: Literal["conversation", "turn"] = "conversation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Messages of one task: what both begin with, and how the solved and the failed one go on."""

    task_id: str
    chosen_id: str
    rejected_id: str
    prompt: list[Row]
    chosen: list[Row]
    rejected: list[Row]

    def row(self) -> Row:
        return {
            "prompt": [*self.prompt],
            "chosen": [*self.chosen],
            "rejected": [*self.rejected],
        }


def preference_pairs(recording: Recording, options: PairOptions) -> Iterator[Pair]:
    """The pairs, by task in the recording's order. Conversations with a fault are in none."""
    by_task: dict[str, list[Episode]] = {}
    for episode in recording.episodes:
        if not episode.uncounted:
            by_task.setdefault(episode.task.id, []).append(episode)
    for episodes in by_task.values():
        solved = [e for e in episodes if e.score.success]
        failed = [e for e in episodes if not e.score.success]
        for good, bad in list(zip(solved, failed, strict=False))[: options.per_task]:
            if pair := _pair(recording, good, bad, options):
                yield pair


def _pair(recording: Recording, good: Episode, bad: Episode, options: PairOptions) -> Pair | None:
    """None where they do not part in a turn of the agent's."""
    chosen, rejected = (trained(chat_messages(e.trajectory, recording.policy)) for e in (good, bad))
    place = _parting(chosen, rejected)
    if place is None:
        return None
    ends = place + 1 if options.scope == "turn" else None
    one, other = chosen[place:ends], rejected[place:ends]
    if one == other:
        return None
    return Pair(
        task_id=good.task.id,
        chosen_id=good.trajectory.id,
        rejected_id=bad.trajectory.id,
        prompt=chosen[:place],
        chosen=one,
        rejected=other,
    )


def _parting(chosen: Sequence[Row], rejected: Sequence[Row]) -> int | None:
    """The last place up to which they are the same and where the agent speaks next in both."""
    found = None
    for place, (one, other) in enumerate(zip(chosen, rejected, strict=False)):
        if one["role"] == other["role"] == "assistant":
            found = place
        if one != other:
            break
    return found


@dataclass(frozen=True)
class PairsFormat(WriteOnly):
    """A line for each pair: ``prompt``, ``chosen``, ``rejected`` as messages, and ``tools``."""

    options: PairOptions = PairOptions()
    name = "pairs"

    def write(self, recording: Recording, path: Path) -> None:
        warn_if_held_out(recording, "pairs")
        tools = tool_schemas(recording)
        pairs = preference_pairs(recording, self.options)
        write_lines(path, ({**pair.row(), "tools": tools} for pair in pairs))


def pairs_format(settings: Settings) -> PairsFormat:
    """Raises ``ConfigError`` for unknown options."""
    return PairsFormat(read_options(PairOptions, settings, name="pairs"))
