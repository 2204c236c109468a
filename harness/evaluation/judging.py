"""Turn conversations whose outcome is left to a judge into ones with a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.assembly.components import Components
from harness.errors import RunError
from harness.evaluation.in_order import in_order
from harness.evaluation.rollout import decided
from harness.evaluation.station import read_evaluation
from harness.protocols import AssertionJudge
from harness.run_folder import RunFolder
from harness.types import Episode


def decide_outcomes(parts: Components, store: RunFolder, evaluation: str) -> None:
    """Have the judge decide what no one has, and keep its verdicts with the evaluation.

    Raises ``RunError`` if it gives no verdict at all.
    """
    episodes = read_evaluation(store, evaluation)
    if not any(_is_open(episode) for episode in episodes):
        return
    found = verdicts(parts, episodes)
    left, asked = sum(map(_is_open, found)), sum(map(_is_open, episodes))
    if left == asked:
        raise RunError(
            f"the judge {parts.config.judge!r} gave no verdict on any of {asked} conversations",
            hint="Choose a chat model as judge, or tell failures by --outcome or --failed-if.",
        )
    if left:
        lost = f"{left} of {asked} conversations"
        parts.notify("warning", message=f"the judge gave no verdict on {lost}")
    store.write_episodes(evaluation, found)


def verdicts(parts: Components, episodes: Sequence[Episode]) -> list[Episode]:
    """The episodes, in order, with the judge's verdict where it was left to it."""
    judge = parts.judge if isinstance(parts.judge, AssertionJudge) else None

    async def one(episode: Episode) -> Episode:
        if not _is_open(episode):
            return episode
        grade = await decided(episode.grade, episode.task, episode.trajectory, judge, parts.plugins)
        won = grade.success and grade.is_decided
        score = replace(episode.score, success=won, total=float(won))
        return replace(episode, grade=grade, score=score)

    return in_order(parts.executor, one, episodes, stays_here=True, plugin=parts.plugins.executor)


def _is_open(episode: Episode) -> bool:
    """Whether only a judge's word is missing."""
    return bool(episode.grade.unjudged) and not episode.grade.ungradeable
