"""A trainer that imitates demonstrations: gradient steps on the agent's own tokens."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from harness.assembly.config import PositiveFloat, PositiveInt, read_options
from harness.errors import NothingToLearn
from harness.protocols import Conversation, Settings, Trainer, TrainingJob
from harness.types import Episode, Json


@dataclass(frozen=True, kw_only=True)
class Options:
    """``max_steps``: demonstrations to train on; ``learning_rate``: of AdamW."""

    max_steps: PositiveInt = 100
    learning_rate: PositiveFloat = 1e-4


class Sample(Trainer):
    needs = "demonstrations"

    def __init__(self, options: Options) -> None:
        self.options = options

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        import torch

        model, started = job.in_process.model, time.monotonic()
        first = next(job.demonstrations or iter(()), None)
        if first is None:
            raise NothingToLearn("there are no demonstrations", hint="Choose another teacher.")
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.options.learning_rate)
        curve: list[Json] = []
        tokens, episode = 0, first
        for step in range(1, self.options.max_steps + 1):
            trace = job.policy.encode(_conversation(job, episode))
            ids = torch.tensor(trace.ids.copy())[None]
            labels = ids.masked_fill(~torch.tensor(trace.sampled.copy())[None], -100)
            loss = model(input_ids=ids, labels=labels).loss
            loss.backward()
            optimizer.step()
            model.zero_grad(set_to_none=True)
            tokens += len(trace.ids)
            curve.append({"step": step, "loss": float(loss.detach())})
            job.progress(step, self.options.max_steps, {"loss": float(loss.detach())})
            episode = next(job.demonstrations or iter(()), episode)
        job.policy.weights_changed()
        return {
            "steps": len(curve),
            "tokens": tokens,
            "seconds": time.monotonic() - started,
            "stopped_because": "max_steps",
            "curve": curve,
        }


def _conversation(job: TrainingJob, episode: Episode) -> Conversation:
    trajectory = episode.trajectory
    return Conversation(
        id=trajectory.id, domain=job.domain, task=episode.task, messages=trajectory.messages
    )


def sample(settings: Settings) -> Trainer:
    return Sample(read_options(Options, settings, name="sample"))
