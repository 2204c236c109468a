"""Turn a reward term into a verdict: does it keep its protocol?"""

from __future__ import annotations

import math

from harness.protocols import Domain, RewardTerm
from harness.testing.checks.domains import demand, some_tasks
from harness.testing.fakes import sample_episodes


def check_reward_term(term: RewardTerm, domain: Domain, *, tasks: int = 3) -> None:
    """Check that a term is pure and finite in [-1, 1] for success, idleness, abuse, and faults."""
    for task in some_tasks(domain, tasks):
        for name, episode in sample_episodes(domain, task).items():
            given = (episode.trajectory, episode.grade, task)
            score = term(*given)
            where = f"for the {name} episode of task {task.id}"
            demand(bool(score.name), f"a term's score has a name {where}")
            demand(
                math.isfinite(score.value) and -1 <= score.value <= 1,
                f"{score.name} lies in [-1, 1] {where}, found {score.value}",
            )
            demand(term(*given) == score, f"{score.name} is the same each time {where}")
