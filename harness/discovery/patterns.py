"""Turn diagnoses into error patterns: only what is the agent's own fault is a pattern to train
on.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import listed, plugin_boundary
from harness.protocols import NO_PLUGINS, Clusterer
from harness.types import Diagnosis, ErrorPattern


def find_patterns(
    diagnoses: Sequence[Diagnosis],
    clusterer: Clusterer,
    previous: Sequence[ErrorPattern] = (),
    *,
    plugin: str = NO_PLUGINS.clusterer,
) -> list[ErrorPattern]:
    """The patterns behind the agent's failures, by falling share; none if no failure is its own."""
    own = [d for d in diagnoses if d.blame == "agent"]
    if not own:
        return []
    with plugin_boundary(plugin, "clustering"):
        patterns = list(listed(ErrorPattern, clusterer.cluster(own, previous), "cluster()"))
        _check(patterns, own)
    return patterns


def _check(patterns: Sequence[ErrorPattern], own: Sequence[Diagnosis]) -> None:
    """Raises ``TypeError`` or ``ValueError`` for patterns that are not made of the diagnoses."""
    left = {diagnosis.trajectory_id for diagnosis in own}
    for pattern in patterns:
        strange = [member for member in pattern.members if member not in left]
        if strange or not pattern.members:
            raise ValueError(
                f"the members of the pattern {pattern.id!r} are {list(pattern.members)[:3]}, "
                "expected trajectory ids of the diagnoses, each in one pattern"
            )
        left.difference_update(pattern.members)
        if not isinstance(pattern.share, float | int) or not 0 < pattern.share <= 1:
            raise ValueError(f"the share of {pattern.id!r} is {pattern.share!r}, expected (0, 1]")
