"""What a line of ``tokens.jsonl`` is: the tokens that a policy sampled in one conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.runtime.json_lines import adapter
from harness.types import Json, TokenTrace


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledTurn:
    """The tokens of message number ``message``: places in the row's ``ids``, and for each its
    log-probability at the sampling temperature in thousandths of a nat. ``versions`` are the places
    of the turn from which on other weights sampled, and the name of these; () if that is unknown.
    """

    message: int
    tokens: tuple[int, ...]
    millinats: tuple[int, ...]
    versions: tuple[tuple[int, str], ...] = ()

    def __post_init__(self) -> None:
        if len(self.tokens) != len(self.millinats):
            found = f"{len(self.tokens)} tokens and {len(self.millinats)} log-probabilities"
            raise ValueError(f"message {self.message} has {found}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SampledTokens:
    """All turns of a conversation that the policy sampled. ``ids`` are the different tokens in them
    and ``texts`` what each reads by itself.
    """

    trajectory_id: str
    ids: tuple[int, ...] = ()
    texts: tuple[str, ...] = ()
    turns: tuple[SampledTurn, ...] = ()

    def __post_init__(self) -> None:
        if len(self.ids) != len(self.texts):
            raise ValueError(f"{len(self.ids)} token ids have {len(self.texts)} texts")
        places = {place for turn in self.turns for place in turn.tokens}
        if places and not 0 <= min(places) <= max(places) < len(self.ids):
            raise ValueError(f"a token is none of the {len(self.ids)} of its row")


def sampled_tokens(
    trajectory_id: str, trace: TokenTrace | None, texts: Callable[[Sequence[int]], Sequence[str]]
) -> SampledTokens:
    """The row of a conversation; without a trace, one without turns. ``texts``: of token ids."""
    if trace is None:
        return SampledTokens(trajectory_id=trajectory_id)
    ids = sorted({*trace.ids[trace.sampled].tolist()})
    places = {token: place for place, token in enumerate(ids)}
    return SampledTokens(
        trajectory_id=trajectory_id,
        ids=(*ids,),
        texts=(*texts(ids),),
        turns=tuple(
            _turn(trace, span.start, span.stop, span.message, places) for span in trace.turns
        ),
    )


def plain_tokens(row: SampledTokens) -> dict[str, Json]:
    """The row as a JSON object."""
    plain: dict[str, Json] = adapter(SampledTokens).dump_python(row, mode="json")
    return plain


def by_trajectory(rows: Iterable[SampledTokens]) -> dict[str, SampledTokens]:
    """The rows by the id of their conversation; of several for one, the last."""
    return {row.trajectory_id: row for row in rows}


def _turn(
    trace: TokenTrace, start: int, stop: int, message: int, places: Mapping[int, int]
) -> SampledTurn:
    millinats = np.rint(1000 * np.maximum(trace.logprobs[start:stop], _LEAST))
    begins = [
        (max(one.start - start, 0), one.version)
        for one in trace.versions
        if one.start < stop and one.stop > start
    ]
    return SampledTurn(
        message=message,
        tokens=tuple(places[token] for token in trace.ids[start:stop].tolist()),
        millinats=tuple(millinats.astype(int).tolist()),
        versions=(*begins,),
    )


_LEAST = -1e6
"""Nats: less is as little, and minus infinity no JSON number."""
