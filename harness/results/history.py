"""Turn the rounds of discovery in a run folder into the report's rows: patterns over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.discovery.drift import Shift, compare
from harness.discovery.station import Discovery, round_landscape, round_patterns
from harness.run_folder import RunFolder
from harness.types import Diagnosis, Difference, ErrorPattern, Interval, Json

Row = dict[str, Json]

_Places = dict[str, tuple[float, float]]

PARTIES = ("agent", "user_simulator", "task", "tool", "infrastructure")

_KEPT = (
    "method", "quality", "families", "names", "thresholds", "compared", "suspects", "agreement",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noise:
    noise: Sequence[Json] = ()


def round_numbers(store: RunFolder) -> list[int]:
    """The rounds there are folders for, in order."""
    return store.rounds()


def blame_rows(store: RunFolder, rounds: Sequence[int]) -> list[Json]:
    """How many failures each party was to blame for, round by round."""
    rows: list[Json] = []
    for number in rounds:
        found = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
        counts = Counter[str](diagnosis.blame for diagnosis in found)
        rows.append({"round": number, **{party: counts[party] for party in PARTIES}})
    return rows


def discovery_rows(store: RunFolder, rounds: Sequence[int]) -> list[Json]:
    """How each round's patterns were found and how far to trust them."""
    rows: list[Json] = []
    for number in rounds:
        name = f"rounds/{number}/discovery.json"
        if store.has(name):
            found = store.read_table(name)
            kept = {key: found[key] for key in _KEPT if key in found}
            rows.append(
                {"round": number, **kept, "noise": len(store.read_value(name, _Noise).noise)}
            )
    return rows


def pattern_rows(store: RunFolder, rounds: Sequence[int]) -> list[Json]:
    """Every pattern with its share in each round; those filtered out last, and marked."""
    newest: dict[str, ErrorPattern] = {}
    history: dict[str, list[Json]] = {}
    filtered: set[str] = set()
    for number in rounds:
        trained = store.read_values(f"rounds/{number}/patterns.jsonl", ErrorPattern)
        used = {pattern.id for pattern in trained}
        for pattern in round_patterns(store, number):
            newest[pattern.id] = pattern
            (filtered.discard if pattern.id in used else filtered.add)(pattern.id)
            count, share = len(pattern.members), round(pattern.share, 4)
            seen: Row = {"round": number, "count": count, "share": share}
            history.setdefault(pattern.id, []).append(seen)
    ordered = sorted(newest.values(), key=lambda pattern: pattern.id in filtered)
    return [_pattern(pattern, history[pattern.id], pattern.id in filtered) for pattern in ordered]


def shift_rows(store: RunFolder, rounds: Sequence[int]) -> list[Json]:
    """What changed from each round to the next."""
    found = shifts(store, rounds)
    return [{"from": before, "to": after, **shift_row(shift)} for before, after, shift in found]


def shifts(store: RunFolder, rounds: Sequence[int]) -> Iterator[tuple[int, int, Shift]]:
    """Each round, the next one, and how the mix of failures moved between them."""
    seen: list[str] = []
    for before, after in pairwise(rounds):
        one, other = round_landscape(store, before), round_landscape(store, after)
        if one is not None and other is not None:
            yield before, after, compare(one, other, earlier=seen)
        seen += [pattern.id for pattern in round_patterns(store, before)]


def shift_row(shift: Shift) -> Row:
    """A shift as JSON values."""
    return {
        "distance": round(shift.distance, 4),
        "p": round(shift.p, 4),
        "visible": round(shift.visible, 4),
        "paired": shift.paired,
        "verdict": shift.verdict,
        "changes": [
            {
                "id": change.pattern_id,
                "before": change.before,
                "after": change.after,
                "per_100": interval_row(change.difference),
                "status": change.status,
                "sure": change.sure,
            }
            for change in shift.changes
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureMap:
    """Where the failures lie: places, (x, y) in [0, 1], and explanations are by trajectory id."""

    places: Mapping[str, Sequence[float]]
    patterns: Sequence[ErrorPattern]
    explanations: Mapping[str, str]


def failure_map(store: RunFolder, number: int) -> FailureMap:
    """The map of a round's failures; without places if the round has none."""
    name = f"rounds/{number}/map.json"
    diagnoses = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
    return FailureMap(
        places=store.read_value(name, _Places) if store.has(name) else {},
        patterns=round_patterns(store, number),
        explanations=_said(diagnoses),
    )


def failure_maps(store: RunFolder) -> dict[int, FailureMap]:
    """The maps of all rounds that have one, by round."""
    return {
        number: failure_map(store, number)
        for number in round_numbers(store)
        if store.has(f"rounds/{number}/map.json")
    }


def map_of(found: Discovery) -> FailureMap:
    """The map of a discovery that is of no round."""
    return FailureMap(
        places=found.survey.places,
        patterns=[*found.patterns, *found.filtered],
        explanations=_said(found.diagnoses),
    )


def _said(diagnoses: Sequence[Diagnosis]) -> dict[str, str]:
    return {diagnosis.trajectory_id: diagnosis.summary for diagnosis in diagnoses}


def interval_row(interval: Interval) -> Row:
    """An interval as JSON values, to two digits; a difference with its p-value, to four."""
    row: Row = {
        "value": round(interval.value, 2),
        "low": round(interval.low, 2),
        "high": round(interval.high, 2),
    }
    return {**row, "p": round(interval.p, 4)} if isinstance(interval, Difference) else row


def described(pattern: ErrorPattern) -> Row:
    """What a pattern is, whatever came of it."""
    return {
        "id": pattern.id,
        "name": pattern.name,
        "family": pattern.family,
        "description": pattern.description,
        "kinds": dict(pattern.kinds),
        "exemplars": list(pattern.exemplars),
    }


def _pattern(pattern: ErrorPattern, history: list[Json], filtered: bool) -> Row:
    return {
        **described(pattern),
        "coverage": None if pattern.coverage is None else round(pattern.coverage, 4),
        "gap": None if pattern.gap is None else interval_row(pattern.gap),
        "filtered": filtered,
        "rounds": history,
    }
