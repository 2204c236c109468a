"""A judge that blames the agent for what it did not do, or did too much."""

from harness.protocols import Domain, Judge, Settings
from harness.types import Diagnosis, Episode


class Sample(Judge):
    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        grade, trajectory = failure.grade, failure.trajectory
        lacking = [c for c in grade.wanted if c not in grade.actual]
        extra = [c for c in grade.actual if c not in grade.wanted]
        kind, changes = ("extra_write", extra) if extra else ("missing_step", lacking)
        where = ", ".join("/".join(change.path) for change in changes) or "what was to be said"
        return Diagnosis(
            trajectory_id=trajectory.id,
            task_id=failure.task.id,
            blame="agent",
            kind=kind,
            turn=len(trajectory.messages) - 1,
            summary=f"The agent {'changed' if extra else 'left out'} {where}.",
            evidence=trajectory.messages[-1].content,
        )


def sample(settings: Settings) -> Judge:
    return Sample()
