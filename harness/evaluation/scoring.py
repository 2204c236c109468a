"""Turn a finished conversation into a grade (did the world end as wanted?) and a score (weighted
reward terms).
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import expected, plugin_boundary
from harness.protocols import Domain, WeightedTerm, World
from harness.types import Changes, Grade, Score, Task, TermScore, ToolCall, Trajectory


def score(trajectory: Trajectory, grade: Grade, task: Task, terms: Sequence[WeightedTerm]) -> Score:
    """Each term's score and their weighted sum.

    A fault has no terms and total 0: it is not to be trained on. An episode that is not fully
    judged is no success. Raises ``PluginFailed``, which names term and trajectory, for a term that
    raises or whose value is no number in [-1, 1].
    """
    if trajectory.is_fault:
        return Score(success=False)
    scores = tuple(_view(weighted, trajectory, grade, task) for weighted in terms)
    total = sum(weighted.weight * s.value for weighted, s in zip(terms, scores, strict=True))
    success = grade.success and grade.is_decided
    return Score(success=success, terms=scores, total=total)


def _view(weighted: WeightedTerm, trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
    where = f"reward term {weighted.name!r} on trajectory {trajectory.id} of task {task.id}"
    with plugin_boundary(weighted.plugin or weighted.name, where):
        found = expected(TermScore, weighted.term(trajectory, grade, task), "the score")
        if not -1 <= found.value <= 1:  # NaN is not, either
            raise ValueError(f"its value is {found.value}, expected a number in [-1, 1]")
    return found


def gold_changes(domain: Domain, task: Task) -> Changes:
    """What the gold calls change in a fresh world. Failing gold calls change nothing."""
    return changes_by(task.gold, domain.open(task))


def changes_by(calls: Sequence[ToolCall], world: World) -> Changes:
    """What the calls change in a world."""
    for call in calls:
        world.call(call)
    return world.changes()


def grade_by_changes(wanted: Changes, task: Task, world: World, trajectory: Trajectory) -> Grade:
    """Success is: the user ended the conversation, the changes are those wanted, and all was
    said.
    """
    actual, missing = world.changes(), unsaid(task.communicate, trajectory)
    ended_well = trajectory.ended in ("user_stop", "transfer")
    return Grade(
        success=ended_well and wanted == actual and not missing,
        wanted=wanted,
        actual=actual,
        unsaid=missing,
    )


def unsaid(texts: Sequence[str], trajectory: Trajectory) -> tuple[str, ...]:
    """Those of the texts that no message of the agent contains.

    Case does not count, nor do commas in the message, as in tau2.
    """
    if not texts:
        return ()
    said = [
        m.content.lower().replace(",", "") for m in trajectory.messages if m.role == "assistant"
    ]
    return tuple(text for text in texts if not any(text.lower() in spoken for spoken in said))
