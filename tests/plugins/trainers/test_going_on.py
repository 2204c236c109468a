"""What becomes of a training that is killed, runs out of memory, or meets numbers that are none."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.errors import HarnessError, OutOfMemory, PluginFailed, RunError
from harness.protocols import TrainingJob
from harness.training.low_rank import LowRank
from harness.types import Episode
from harness_grpo.options import Options as GrpoOptions
from harness_grpo.trainer import GrpoTrainer
from harness_sft.options import Options as SftOptions
from harness_sft.schedule import Schedule
from harness_sft.trainer import SftTrainer

Jobs = Callable[..., TrainingJob]
Run = Callable[..., dict[str, Any]]
Weights = Mapping[str, torch.Tensor]

PLAIN: dict[str, Any] = {}
ALL_AT_ONCE = {
    "sampling": "learnability",
    "resamples": 1,
    "num_iterations": 2,
    "warmup_steps": 2,
    "beta": 0.1,
}

AHEAD = {"ahead": 1, "off_policy": "truncate", "sampling": "learnability", "resamples": 1}
ADAPTERS = {"lora": LowRank(rank=4)}


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@pytest.fixture
def grpo(job: Jobs, world: Any, tmp_path: Path) -> Run:
    """Six small steps of GRPO from the same start, in the folder."""
    tasks = [world.task(letter) for letter in "abc"]

    def run(**changes: Any) -> dict[str, Any]:
        few = {"max_steps": 6, "tasks_per_step": 2, "num_generations": 3, "learning_rate": 1e-2}
        options = GrpoOptions(**{**few, "save_steps": 3, "guard": True, **changes.pop("options")})
        policy = world.policy()
        made = job(**{"policy": policy, "tasks": tasks, **changes})
        return {**GrpoTrainer(options).train(made), "weights": policy.model.state_dict()}

    return run


@pytest.fixture
def sft(job: Jobs, world: Any) -> Run:
    """Six small steps of SFT from the same start, in the folder."""

    def run(**changes: Any) -> dict[str, Any]:
        few = {"max_steps": 6, "batch_size": 4, "learning_rate": 1e-2, "bf16": False}
        options = SftOptions(**{**few, "save_steps": 3, "eval_steps": 2, **changes.pop("options")})
        policy = world.policy()
        held_out = [world.echo(letter, 2) for letter in "ab"]
        known = {"demonstrations": world.endless_echoes(), "held_out": held_out}
        made = job(**{"policy": policy, **known, **changes})
        return {**SftTrainer(options).train(made), "weights": policy.model.state_dict()}

    return run


def killing(step: int) -> Callable[..., None]:
    def progress(done: int, steps: int, metrics: object) -> None:
        if done == step:
            raise Killed

    return progress


def same(one: Weights, other: Weights) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def without_times(curve: Sequence[Mapping[str, float]]) -> list[dict[str, float]]:
    return [{k: v for k, v in point.items() if "seconds" not in k} for point in curve]


@pytest.mark.parametrize(
    "options",
    [PLAIN, ALL_AT_ONCE, AHEAD, ADAPTERS, {"threads": 2, "part_tokens": 20}],
    ids=["plain", "all at once", "ahead", "adapters", "two threads"],
)
def test_a_killed_grpo_run_goes_on_to_the_same_losses_and_weights(
    grpo: Run, tmp_path: Path, options: dict[str, Any]
) -> None:
    straight = grpo(options=options, folder=tmp_path / "straight")
    with suppress(Killed):
        grpo(options=options, folder=tmp_path / "killed", progress=killing(5))
    assert (tmp_path / "killed" / "snapshot.pt").exists()
    steps: list[int] = []
    resumed = grpo(
        options=options,
        folder=tmp_path / "killed",
        progress=lambda done, steps_, metrics: steps.append(done),
    )
    assert steps == [4, 5, 6]
    assert without_times(resumed["curve"]) == without_times(straight["curve"])
    assert resumed["rollouts"] == straight["rollouts"]
    assert same(resumed["weights"], straight["weights"])


@pytest.mark.parametrize("trainer", ["grpo", "sft"])
def test_a_training_killed_while_its_weights_are_saved_makes_only_its_last_steps_again(
    trainer: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(trainer)
    steps: list[int] = []
    ended = run(options=PLAIN, folder=tmp_path)
    again = run(options=PLAIN, folder=tmp_path, progress=lambda done, of, _: steps.append(done))
    assert steps in ([4, 5, 6], [])
    assert again["steps"] == ended["steps"] == 6
    assert same(again["weights"], ended["weights"])


@pytest.mark.parametrize("trainer", ["grpo", "sft"])
def test_a_step_is_reported_before_the_snapshot_that_has_it(
    trainer: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run: Run = request.getfixturevalue(trainer)
    with suppress(Killed):
        run(options=PLAIN, folder=tmp_path, progress=killing(3))
    assert not (tmp_path / "snapshot.pt").exists()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_killed_sft_run_goes_on_to_the_same_losses_and_weights(
    sft: Run, tmp_path: Path, threads: int
) -> None:
    options = {"threads": threads}
    straight = sft(options=options, folder=tmp_path / "straight")
    with suppress(Killed):
        sft(options=options, folder=tmp_path / "killed", progress=killing(5))
    steps: list[int] = []
    resumed = sft(
        options=options,
        folder=tmp_path / "killed",
        progress=lambda done, steps_, metrics: steps.append(done),
    )
    assert steps == [4, 5, 6]
    assert resumed["curve"] == straight["curve"]
    assert resumed["tokens"] == straight["tokens"]
    assert same(resumed["weights"], straight["weights"])


def test_the_snapshot_of_another_run_is_not_gone_on_from(sft: Run, tmp_path: Path) -> None:
    with suppress(Killed):
        sft(options={}, progress=killing(5))
    steps: list[int] = []
    sft(options={"batch_size": 5}, progress=lambda done, steps_, metrics: steps.append(done))
    assert steps[0] == 1


def test_a_snapshot_of_imitation_is_of_the_proofs_that_were_imitated(sft: Run, world: Any) -> None:
    proofs = {letter: world.echo(letter, 1) for letter in "abc"}
    with suppress(Killed):
        sft(options={}, proofs=proofs, progress=killing(5))
    steps: list[int] = []
    fewer = {letter: proofs[letter] for letter in "ab"}
    sft(
        options={},
        proofs=fewer,
        progress=lambda done, steps_, metrics: steps.append(done),
    )
    assert steps[0] == 1


def test_a_damaged_snapshot_is_named(sft: Run, tmp_path: Path) -> None:
    (tmp_path / "snapshot.pt").write_bytes(b"PK\x03\x04 half of it")
    with pytest.raises(RunError, match=r"snapshot\.pt is damaged") as caught:
        sft(options={})
    assert "Remove it" in caught.value.hint


def test_a_snapshot_is_on_disk_before_its_name_is_and_both_when_the_step_goes_on(
    sft: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.replace

    def note_sync(number: int) -> None:
        fsync(number)
        found = os.fstat(number)
        done.append("sync folder" if stat.S_ISDIR(found.st_mode) else "sync file")

    def note_rename(source: Path, target: Path) -> None:
        rename(source, target)
        done.append(f"rename {Path(target).name}")

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    with suppress(Killed):
        sft(options={}, progress=killing(5))
    assert done == ["sync file", "rename snapshot.pt", "sync folder"]
    assert [path.name for path in tmp_path.iterdir()] == ["snapshot.pt"]


def test_seconds_used_before_a_kill_count() -> None:
    now = iter([0.0, 0.0, 70.0, 1000.0, 1020.0, 1030.0])
    killed = Schedule(1000, 100.0, clock=lambda: next(now))
    killed.start()
    kept = killed.state()
    resumed = Schedule(1000, 100.0, clock=lambda: next(now))
    resumed.restore(kept)
    assert resumed.progress(1) == pytest.approx(0.8)


def test_an_update_that_ruins_the_weights_is_taken_back(sft: Run, world: Any) -> None:
    record = sft(options={"learning_rate": 1e38})
    assert record["stopped_because"] == "loss not finite"
    assert record["steps"] < 6
    assert all(weight.isfinite().all() for weight in record["weights"].values())
    assert record["held_out_loss"] < 10


def test_a_loss_that_is_not_finite_ends_grpo_with_the_last_good_weights(
    grpo: Run, job: Jobs
) -> None:
    steps: list[Weights] = []
    record = grpo(options={}, rollouts=ruined_from(3, job().rollouts, steps))
    assert (record["stopped_because"], record["steps"]) == ("loss not finite", 2)
    assert [point["step"] for point in record["curve"]] == [1, 2]
    assert same(record["weights"], steps[1])


def test_the_last_good_weights_are_those_from_before_a_kill(
    grpo: Run, job: Jobs, tmp_path: Path
) -> None:
    honest = job().rollouts
    steps: list[Weights] = []
    straight = grpo(
        options={}, folder=tmp_path / "straight", rollouts=ruined_from(4, honest, steps)
    )
    with suppress(Killed):
        grpo(options={}, folder=tmp_path / "killed", progress=killing(4))
    resumed = grpo(
        options={}, folder=tmp_path / "killed", rollouts=ruined_from(1, honest, steps=[])
    )
    assert straight["stopped_because"] == resumed["stopped_because"] == "loss not finite"
    assert straight["steps"] == resumed["steps"] == 3
    assert same(resumed["weights"], straight["weights"])
    assert same(resumed["weights"], steps[2])


def ruined_from(step: int, honest: Any, steps: list[Weights]) -> Callable[..., list[Episode]]:
    """Rollouts with an infinite reward from a step on; ``steps`` get the weights they are from."""

    def rollouts(policy: Any, jobs: Sequence[Any], *, guided: int = 0) -> list[Episode]:
        steps.append({name: w.clone() for name, w in policy.model.state_dict().items()})
        episodes = honest(policy, jobs)
        if len(steps) < step:
            return list(episodes)
        ruined = replace(episodes[0], score=replace(episodes[0].score, total=float("inf")))
        return [ruined, *episodes[1:]]

    return rollouts


def exhausted(*_: Any) -> Any:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def exhausted_in_the_policy(*_: Any) -> Any:
    try:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB\nlong tail")
    except RuntimeError as error:
        raise PluginFailed("the plugin policy failed") from error


@pytest.mark.parametrize("rollouts", [exhausted, exhausted_in_the_policy])
def test_running_out_of_memory_names_the_settings_to_lower(grpo: Run, rollouts: Any) -> None:
    with pytest.raises(OutOfMemory, match=r"ran out of memory.*allocate") as caught:
        grpo(options={}, rollouts=rollouts)
    assert "part_tokens" in caught.value.hint
    assert "[options.grpo]" in caught.value.hint
    assert isinstance(caught.value, HarnessError)
    assert "long tail" not in str(caught.value)


def test_sft_that_runs_out_of_memory_names_its_own_settings(sft: Run, world: Any) -> None:
    def demonstrations() -> Iterator[Episode]:
        yield from islice(world.endless_echoes(), 8)
        raise MemoryError

    with pytest.raises(OutOfMemory, match="MemoryError") as caught:
        sft(options={}, demonstrations=demonstrations())
    assert "[options.sft]" in caught.value.hint


def test_another_error_is_not_taken_for_want_of_memory(grpo: Run) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("no such shape")

    with pytest.raises(RuntimeError, match="no such shape"):
        grpo(options={}, rollouts=broken)
