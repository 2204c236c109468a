"""Turn demonstrations into a policy that imitates them, by the gradients of a Tinker server."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice

import numpy as np

from harness.assembly.config import read_options
from harness.errors import NothingToLearn
from harness.protocols import Conversation, Settings, Trainer, TrainingJob
from harness.runtime.cpu_time import cpu_seconds
from harness.types import Episode, Json, TokenTrace, stable_id
from harness_tinker.losses import weighed
from harness_tinker.options import ImitationOptions
from harness_tinker.policy import TinkerPolicy, remote_policy
from harness_tinker.resuming import Resuming
from harness_tinker.rows import Floats, Request, Row, row_of

NAME = "tinker-sft"


def imitation(settings: Settings) -> Trainer:
    return TinkerImitation(read_options(ImitationOptions, settings, name=NAME))


class TinkerImitation:
    """Cross-entropy on the policy's own tokens of demonstrations: their mean over a batch."""

    needs = "demonstrations"

    def __init__(self, options: ImitationOptions) -> None:
        self.options = options

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        """Train on the server; a killed run goes on from the state that the server kept.

        The record has ``steps``, ``seconds``, ``tokens``, ``loss`` and ``held_out_loss`` (nats per
        token; None without held-out demonstrations), ``curve``, ``stopped_because`` (max_steps,
        seconds, cpu_seconds or "out of demonstrations"), and ``server_losses``: how often the
        server had lost the model.
        Raises ``NothingToLearn`` without demonstrations and ``ProviderError`` without a server.
        """
        options, policy = self.options, remote_policy(job, NAME)
        steps = options.steps(job)
        started, cpu_started, model = time.monotonic(), cpu_seconds(), policy.remote
        rows = _rows(job.demonstrations or (), policy, job, options.max_length)
        held_out = list(_rows(job.held_out, policy, job, options.max_length))
        shown = sorted(episode.trajectory.id for episode in job.proofs.values())
        identity = stable_id(NAME, asdict(options), job.seed, job.policy.checkpoint.id, shown)
        resuming = Resuming(job.folder, identity, model)
        curve, tokens, why = list(resuming.curve), int(resuming.state.get("tokens", 0)), "max_steps"
        for _ in range(resuming.step * options.batch_size):
            next(rows, None)
        for step in range(resuming.step, steps):
            batch = list(islice(rows, options.batch_size))
            if not batch:
                why = "out of demonstrations"
                break
            rate = self._learning_rate(step, steps)
            point = {"step": step + 1, **self._step(policy, batch, rate)}
            tokens += sum(len(row.ids) for row in batch)
            if held_out and (step + 1) % options.eval_steps == 0:
                point["held_out_loss"] = _loss(held_out, model.logprobs(held_out))
            curve.append(point)
            job.progress(step + 1, steps, point)
            if spent := self._spent(time.monotonic() - started, cpu_seconds() - cpu_started):
                why = spent
                break
            if (step + 1) % options.save_steps == 0:
                resuming.keep(step + 1, curve, {"tokens": tokens})
        if not curve:
            raise NothingToLearn(
                "there is no demonstration with an agent turn to train on",
                hint="Check that the teacher solves tasks of this domain, and raise max_length in "
                "[options.tinker-sft]: the policy text and the tools come first.",
            )
        policy.weights_changed()
        return {
            "steps": len(curve),
            "seconds": round(time.monotonic() - started, 2),
            "tokens": tokens,
            "loss": curve[-1]["loss"],
            "held_out_loss": _loss(held_out, model.logprobs(held_out)) if held_out else None,
            "curve": [dict(point) for point in curve],
            "stopped_because": why,
            "server_losses": model.losses,
        }

    def _step(self, policy: TinkerPolicy, batch: Sequence[Row], rate: float) -> dict[str, float]:
        learnt = sum(row.tokens for row in batch)
        request = Request(rows=[weighed(row, 1 / learnt) for row in batch], loss="cross_entropy")
        updated = policy.remote.update([request], rate)
        loss = _loss(batch, updated.logprobs[0])
        return {"loss": loss, "grad_norm": updated.grad_norm}

    def _spent(self, seconds: float, cpu: float) -> str:
        """Which limit of time is reached; "" for none."""
        options = self.options
        limits = {"seconds": (seconds, options.seconds), "cpu_seconds": (cpu, options.cpu_seconds)}
        return next((name for name, (used, limit) in limits.items() if limit and used >= limit), "")

    def _learning_rate(self, step: int, steps: int) -> float:
        options = self.options
        rise = (step + 1) / (options.warmup_steps + 1)
        fall = (steps - step) / max(1.0, steps * options.decay)
        return options.learning_rate * min(1.0, rise, fall)


def _rows(
    episodes: Iterable[Episode], policy: TinkerPolicy, job: TrainingJob, max_length: int
) -> Iterator[Row]:
    for episode in episodes:
        conversation = Conversation(
            id=episode.trajectory.id,
            domain=job.domain_of(episode.task),
            task=episode.task,
            messages=episode.trajectory.messages,
        )
        trace = policy.encode(conversation)
        cut = TokenTrace(
            ids=trace.ids[:max_length].copy(),
            sampled=trace.sampled[:max_length].copy(),
            logprobs=trace.logprobs[:max_length].copy(),
        )
        if row := row_of(cut, 1.0):
            yield row


def _loss(rows: Sequence[Row], logprobs: Sequence[Floats]) -> float:
    """The mean loss of a learnt token, in nats."""
    losses = [-known[row.learnt] for row, known in zip(rows, logprobs, strict=True)]
    return round(float(np.concatenate(losses).mean()), 6)
