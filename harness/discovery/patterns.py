"""Turn diagnoses into error patterns: only what is the agent's own fault is a pattern to train
on.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import NothingToLearn, plugin_boundary
from harness.protocols import NO_PLUGINS, Clusterer
from harness.types import Diagnosis, ErrorPattern


def find_patterns(
    diagnoses: Sequence[Diagnosis],
    clusterer: Clusterer,
    previous: Sequence[ErrorPattern] = (),
    *,
    plugin: str = NO_PLUGINS.clusterer,
) -> list[ErrorPattern]:
    """The patterns behind the agent's failures, by falling share.

    Raises ``NothingToLearn`` if no failure is the agent's.
    """
    own = [d for d in diagnoses if d.blame == "agent"]
    if not own:
        raise NothingToLearn(
            f"there is nothing to discover: none of {len(diagnoses)} failures is the agent's",
            hint="Evaluate on more or harder tasks (`validation_tasks`), or with more trials.",
        )
    with plugin_boundary(plugin, "clustering"):
        return list(clusterer.cluster(own, previous))
