"""Turn the failures of several policies into one landscape, and into where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.assembly.components import Components
from harness.discovery.diagnose import explicable
from harness.discovery.drift import Landscape, Shift, compare
from harness.discovery.quarantine import quarantine
from harness.discovery.station import Discovery, landscape, survey_patterns
from harness.types import Diagnosis, Episode


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One policy's conversations and the diagnoses of its failures."""

    name: str
    episodes: Sequence[Episode]
    diagnoses: Sequence[Diagnosis]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Patterns found in all sides' failures together, and each side's landscape of them.

    ``shifts`` compare each side after the first with the first. Trajectory ids carry the number of
    their side, from 0, and a colon in front.
    """

    sides: Sequence[Side]
    found: Discovery
    landscapes: Sequence[Landscape]
    shifts: Sequence[Shift]


def compare_sides(parts: Components, sides: Sequence[Side]) -> Comparison:
    """The sides' failures clustered as one."""
    tagged = [_tagged(number, side) for number, side in enumerate(sides)]
    episodes = [episode for side in tagged for episode in side.episodes]
    diagnoses = [diagnosis for side in tagged for diagnosis in side.diagnoses]
    found = survey_patterns(parts, episodes, diagnoses)
    patterns = [*found.patterns, *found.filtered]
    landscapes = [landscape(patterns, side.diagnoses, _trials(side)) for side in tagged]
    shifts = [compare(landscapes[0], other, seed=parts.config.seed) for other in landscapes[1:]]
    return Comparison(sides=tagged, found=found, landscapes=landscapes, shifts=shifts)


def _tagged(number: int, side: Side) -> Side:
    return replace(
        side,
        episodes=[
            replace(e, trajectory=replace(e.trajectory, id=f"{number}:{e.trajectory.id}"))
            for e in side.episodes
        ],
        diagnoses=[replace(d, trajectory_id=f"{number}:{d.trajectory_id}") for d in side.diagnoses],
    )


def _trials(side: Side) -> dict[str, int]:
    excluded = quarantine(side.diagnoses)
    trials: dict[str, int] = {}
    for episode in explicable(side.episodes):
        counts = not episode.uncounted and episode.trajectory.id not in excluded
        trials[episode.task.id] = trials.get(episode.task.id, 0) + counts
    return trials
