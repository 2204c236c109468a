"""Turn a reward term into a verdict: does it keep its protocol?"""

from __future__ import annotations

import math

from harness.errors import expected
from harness.protocols import Domain, RewardTerm
from harness.testing.checks.worlds import some_tasks
from harness.testing.fakes import sample_episodes
from harness.testing.findings import Check, demand
from harness.types import TermScore


def check_reward_term(term: RewardTerm, domain: Domain, *, tasks: int = 3) -> None:
    """Check that a term is pure and finite in [-1, 1] for success, idleness, abuse, and faults."""
    with (
        Check(term) as check,
        check.rule(
            "The reward is what is trained for: a value out of range or by chance drowns the rest.",
            "Return a TermScore with a value in [-1, 1], worked out from the arguments alone.",
        ),
    ):
        for task in some_tasks(domain, tasks):
            for name, episode in sample_episodes(domain, task).items():
                given = (episode.trajectory, episode.grade, task)
                score = expected(TermScore, term(*given), "the score")
                where = f"for the {name} episode of task {task.id}"
                demand(bool(score.name), f"a term's score has a name {where}")
                demand(
                    math.isfinite(score.value) and -1 <= score.value <= 1,
                    f"{score.name} lies in [-1, 1] {where}, found {score.value}",
                )
                demand(term(*given) == score, f"{score.name} is the same each time {where}")
