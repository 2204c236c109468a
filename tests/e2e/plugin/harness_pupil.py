"""A plugin for tests of the loop: a pupil that learns by decree, and an injector that smuggles."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from harness.assembly.config import read_options
from harness.hookspecs import Factory, hookimpl
from harness.protocols import (
    AgentTurn,
    Conversation,
    Domain,
    Policy,
    Settings,
    TaskInjector,
    Trainer,
    TrainingJob,
)
from harness.types import (
    Checkpoint,
    Diagnosis,
    Episode,
    ErrorPattern,
    Json,
    Origin,
    Task,
    TokenTrace,
    stable_id,
)
from harness_scripted.expert import Teacher
from harness_scripted.injector import template_injector


@hookimpl
def harness_policies() -> Mapping[str, Factory[Policy]]:
    return {"pupil": Pupil.opened}


@hookimpl
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    return {"lessons": lambda settings: Lessons(), "drill": drill}


@hookimpl
def harness_task_injectors() -> Mapping[str, Factory[TaskInjector]]:
    return {"smuggler": Smuggler}


class Pupil:
    """Errs in ``1 - skill`` of its conversations; ``model`` is a dictionary with its skill."""

    tokenizer = None

    def __init__(self, skill: float, checkpoint: Checkpoint) -> None:
        self.id = f"pupil-{skill:g}"
        self.model = {"skill": skill}
        self.checkpoint = checkpoint
        self._player = Teacher(self.id, mistakes=1 - skill)

    @classmethod
    def opened(cls, settings: Settings) -> "Pupil":
        if settings.checkpoint is not None:
            path = Path(settings.checkpoint.path)
            return cls(json.loads((path / "skill.json").read_text()), settings.checkpoint)
        assert settings.folder is not None
        checkpoint = Checkpoint(id=stable_id("new"), policy="pupil", path=str(settings.folder))
        pupil = cls(0.0, checkpoint)
        pupil.save(settings.folder)
        return pupil

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        return await self._player.act(conversation, seed=seed)

    def forget(self, conversation_id: str) -> None:
        self._player.forget(conversation_id)

    def encode(self, conversation: Conversation) -> TokenTrace:
        raise NotImplementedError("a pupil has no tokens")

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "skill.json").write_text(json.dumps(self.model["skill"]))

    def set_temperature(self, temperature: float) -> None:
        """A pupil samples nothing."""

    def weights_changed(self) -> None:
        self._player = Teacher(self.id, mistakes=1 - self.model["skill"])


class Lessons:
    """Looks at a few demonstrations, which gives a skill of 0.4."""

    needs = "demonstrations"

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        assert job.demonstrations is not None
        seen = list(islice(job.demonstrations, 5))
        assert all(episode.score.success for episode in [*seen, *job.held_out])
        job.policy.model["skill"] = 0.4
        job.policy.weights_changed()
        tasks = [episode.task for episode in seen]
        domains = [job.domain_of(task).name for task in tasks]
        return {"steps": 5, "tasks": [task.id for task in tasks], "domains": domains}


@dataclass(frozen=True, kw_only=True)
class DrillOptions:
    """``gain``: skill that one training adds."""

    gain: float = 0.2


def drill(settings: Settings) -> Trainer:
    return Drill(read_options(DrillOptions, settings, name="drill").gain)


class Drill:
    """Plays every task once, which adds ``gain`` to the skill, half of it in each of two steps;
    records the tasks it was given.
    """

    needs = "tasks"

    def __init__(self, gain: float) -> None:
        self.gain = gain

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        episodes = job.rollouts(job.policy, [(task, 0, job.seed) for task in job.tasks])
        assert [episode.task.id for episode in episodes] == [task.id for task in job.tasks]
        before = job.policy.model["skill"]
        for step in (1, 2):
            job.policy.model["skill"] = min(1.0, before + self.gain * step / 2)
            job.policy.weights_changed()
            job.progress(step, 2, {"reward": 0.0})
        tasks = [task.id for task in job.tasks]
        return {"steps": 2, "rollouts": len(tasks), "from": before, "tasks": tasks}


class Smuggler:
    """Offers every held-out task as if it were new, then every candidate twice."""

    def __init__(self, settings: Settings) -> None:
        self._honest = template_injector(replace(settings, options={}))

    async def inject(
        self,
        pattern: ErrorPattern,
        members: Sequence[tuple[Episode, Diagnosis]],
        domain: Domain,
        *,
        round: int,
        seed: int,
    ) -> AsyncIterator[Task]:
        origin = Origin(
            round=round,
            pattern_id=pattern.id,
            injector="smuggler",
            trajectory_id=members[0][0].trajectory.id,
            parent_task_id=members[0][0].task.id,
            seed=seed,
        )
        for task in (*domain.tasks("test")[:10], *domain.tasks("validation")[:10]):
            yield replace(task, id=f"new-{task.id}", split="train", origin=origin)
        yield replace(domain.tasks("test")[0], id="frank", origin=origin)
        honest: Any = self._honest.inject(pattern, members, domain, round=round, seed=seed)
        async for task in honest:
            yield task
            yield replace(task, id=f"again-{task.id}")
