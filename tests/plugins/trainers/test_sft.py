from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count, cycle, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM

from harness.errors import ConfigError, NothingToLearn
from harness.llm.roles import open_registry
from harness.protocols import Settings, TrainablePolicy, TrainingJob
from harness.training.packed.packing import can_pack
from harness_sft.batches import Batches, Row, load, rounded, token_rows
from harness_sft.options import Options
from harness_sft.schedule import Plateau, Schedule
from harness_sft.trainer import SftTrainer

Jobs = Callable[..., TrainingJob]


def weights(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()]).clone()


def train(job: TrainingJob, **options: Any) -> dict[str, Any]:
    chosen = {"max_steps": 4, "batch_size": 8, "learning_rate": 1e-2, "bf16": False, **options}
    return dict(SftTrainer(Options(**chosen)).train(job))


def test_labels_are_exactly_what_the_policy_said(policy: Any, world: Any) -> None:
    [row] = token_rows([world.echo("c", 3)], policy, lambda task: world.domain, 100)
    assert policy.tokenizer.decode(row["input_ids"]) == "<user> c <agent> c c c <end>"
    said = [label for label in row["labels"] if label != -100]
    assert policy.tokenizer.decode(said) == "c c c <end>"


def test_weights_that_are_elsewhere_are_refused_by_a_trainer_that_changes_them_in_place(
    job: Jobs, world: Any
) -> None:
    known = job(demonstrations=iter([world.echo("c", 3)]))
    remote = SimpleNamespace(
        id="remote",
        checkpoint=known.policy.checkpoint,
        **{name: getattr(known.policy, name) for name in ("act", "forget", "encode", "save")},
        **{name: getattr(known.policy, name) for name in ("set_temperature", "weights_changed")},
    )
    assert isinstance(remote, TrainablePolicy)
    with pytest.raises(ConfigError, match="has no weights in this process"):
        train(replace(known, policy=remote))


def test_a_conversation_is_cut_and_dropped_when_nothing_the_policy_said_is_left(
    policy: Any, world: Any
) -> None:
    rows = list(
        token_rows([world.echo("c", 3), world.echo("d", 1)], policy, lambda task: world.domain, 4)
    )
    assert [len(row["input_ids"]) for row in rows] == [4, 4]
    assert list(token_rows([world.echo("c", 3)], policy, lambda task: world.domain, 3)) == []


def test_packed_parts_are_filled_up_to_few_lengths_without_a_label_more() -> None:
    rows = [{"input_ids": [7] * n, "labels": [-100, *[7] * (n - 1)]} for n in (70, 33, 32)]
    filled = rounded(rows, 0, longest=80)
    assert [len(row["input_ids"]) for row in filled] == [80, 64, 32, 80]
    assert [
        row["labels"][: len(old["labels"])] for row, old in zip(filled, rows, strict=False)
    ] == [row["labels"] for row in rows]
    assert sum(label != -100 for row in filled for label in row["labels"]) == 69 + 32 + 31
    assert all(token == 0 for row in filled for token in row["input_ids"] if token != 7)
    assert rounded(filled, 0, longest=80) == filled


def numbered(count: int) -> Iterator[Row]:
    yield from ({"input_ids": [number], "labels": [os.getpid()]} for number in range(count))
    raise NothingToLearn("that was all", hint="ask for less")


@pytest.mark.parametrize("ahead", [False, True])
def test_batches_are_the_same_whether_or_not_they_are_made_ahead(ahead: bool) -> None:
    rows = numbered(11)
    batches = Batches(list(islice(rows, 4)), rows, size=4)
    batches.skip(1)
    made = load(batches, ahead=ahead)
    batch = next(made)
    assert [row["input_ids"] for row in batch] == [[4], [5], [6], [7]]
    assert all((row["labels"] == [os.getpid()]) != ahead for row in batch)
    with pytest.raises(NothingToLearn, match="that was all") as raised:
        next(made)
    assert raised.value.hint == "ask for less"


LEARNER = """
import os, time
from itertools import count
from harness_sft.batches import Batches, load
rows = ({"input_ids": [n] * 100_000, "labels": [os.getpid()]} for n in count())
made = load(Batches([next(rows)], rows, size=1), ahead=True)
print([next(made), next(made)][1][0]["labels"][0], flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux alone")
def test_no_process_that_makes_batches_outlives_a_killed_learner() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEARNER], stdout=subprocess.PIPE, text=True
    ) as learner:
        assert learner.stdout is not None
        maker = int(learner.stdout.readline())
        assert maker != learner.pid
        learner.kill()
    gone = Path(f"/proc/{maker}")
    ends = time.monotonic() + 20
    while gone.exists() and time.monotonic() < ends:
        time.sleep(0.05)
    assert not gone.exists()


def test_training_is_the_same_with_batches_made_ahead(job: Jobs, policy: Any, world: Any) -> None:
    start = {name: value.clone() for name, value in policy.model.state_dict().items()}
    found = []
    for shares_memory in (True, False):
        policy.model.load_state_dict(start)
        options = Options(max_steps=3, batch_size=8, bf16=False, threads=2)
        trainer = SftTrainer(options, shares_memory=lambda shares=shares_memory: shares)
        trainer.train(job(demonstrations=world.endless_echoes()))
        found.append(weights(policy.model))
    assert torch.equal(*found)


@pytest.mark.parametrize("shares_memory", [True, False])
@pytest.mark.parametrize(("max_length", "cut"), [(7, 0), (6, 1), (5, 2)])
def test_conversations_that_are_cut_are_told_of_once_each_counted_once(
    job: Jobs, world: Any, shares_memory: bool, max_length: int, cut: int
) -> None:
    warnings: list[str] = []
    echoes = [world.echo(letter, times) for letter, times in (("a", 1), ("b", 2), ("c", 3))]
    options = Options(max_steps=4, batch_size=2, bf16=False, threads=2, max_length=max_length)
    trainer = SftTrainer(options, shares_memory=lambda: shares_memory)
    trainer.train(job(demonstrations=cycle(echoes), warn=warnings.append))
    assert [said.partition(" ")[0] for said in warnings] == ([str(cut)] if cut else [])
    assert all(f"max_length = {max_length}" in said for said in warnings)


def test_a_conversation_that_loses_no_turn_of_the_agent_is_not_told_of(
    job: Jobs, world: Any
) -> None:
    echo, warnings = world.echo("a", 1), []
    messages = (*echo.trajectory.messages, echo.trajectory.messages[1])
    thanked = replace(echo, trajectory=replace(echo.trajectory, messages=messages))
    training = job(demonstrations=cycle([thanked]), warn=warnings.append)
    train(training, max_steps=1, max_length=6)
    assert warnings == []


def test_the_policy_learns_what_the_demonstrations_do(job: Jobs, policy: Any, world: Any) -> None:
    held_out = [world.echo(letter, 3) for letter in world.letters]
    training = job(demonstrations=world.endless_echoes(), held_out=held_out)
    record = train(training, max_steps=60, batch_size=16, eval_steps=20, bf16=True)
    assert [point["step"] for point in record["curve"]] == list(range(1, 61))
    assert [p["step"] for p in record["curve"] if "held_out_loss" in p] == [20, 40, 60]
    assert record["held_out_loss"] < record["curve"][0]["loss"] / 2
    assert record["steps"] == 60
    assert record["stopped_because"] == "max_steps"
    assert policy.changes == 1
    with torch.no_grad():
        prompt = [world.words.index("<user>"), world.words.index("g"), world.words.index("<agent>")]
        logits = policy.model(torch.tensor([prompt])).logits[0, -1]
    assert int(logits.argmax()) == world.words.index("g")


def test_packed_parts_on_two_threads_train_as_the_padded_batches_of_trl_do(
    job: Jobs, policy: Any, monkeypatch: pytest.MonkeyPatch, world: Any
) -> None:
    untouched = {name: value.clone() for name, value in policy.model.state_dict().items()}
    held_out = [world.echo("a", 2), world.echo("b", 7)]
    training = job(demonstrations=world.endless_echoes(), held_out=held_out)
    packed = train(training, threads=2, part_tokens=30)
    with_packing = weights(policy.model)

    policy.model.load_state_dict(untouched)
    monkeypatch.setattr("harness_sft.training.can_pack", lambda model, ids: False)
    padded = train(job(demonstrations=world.endless_echoes(), held_out=held_out), part_tokens=30)
    assert (packed["packed"], padded["packed"]) == (True, False)
    assert packed["tokens"] == padded["tokens"]
    assert packed["held_out_loss"] == pytest.approx(padded["held_out_loss"], abs=1e-3)
    torch.testing.assert_close(with_packing, weights(policy.model), atol=1e-3, rtol=0)


def test_in_16_bits_the_held_out_loss_is_that_of_the_policys_own_weights(
    job: Jobs, policy: Any, world: Any
) -> None:
    held_out = [world.echo("a", 2), world.echo("b", 7)]
    training = job(demonstrations=world.endless_echoes(), held_out=held_out)
    record = train(training, max_steps=12, threads=2, bf16=True)
    assert {weight.dtype for weight in policy.model.parameters()} == {torch.float32}
    rows = list(token_rows(held_out, policy, training.domain_of, 100))
    losses = [
        policy.model(**{name: torch.tensor([ids]) for name, ids in row.items()}).loss
        * sum(label != -100 for label in row["labels"])
        for row in rows
    ]
    labels = sum(label != -100 for row in rows for label in row["labels"])
    assert record["held_out_loss"] == pytest.approx(float(sum(losses)) / labels, rel=0.02)


def test_gradient_checkpoints_change_nothing_in_16_bits(job: Jobs, world: Any) -> None:
    ends = []
    for saves in (True, False):
        policy = world.policy()
        training = job(policy=policy, demonstrations=world.endless_echoes())
        train(training, threads=2, bf16=True, gradient_checkpointing=saves)
        ends.append(weights(policy.model))
    assert torch.equal(*ends)


def test_a_model_whose_tokens_meet_otherwise_than_in_full_attention_is_not_packed(
    world: Any,
) -> None:
    ids = torch.randint(4, 12, (40,)).tolist()
    assert can_pack(world.model(), ids)
    windowed = world.model(use_sliding_window=True, sliding_window=1000, max_window_layers=0)
    assert not can_pack(windowed, ids)


@pytest.mark.parametrize(("softcap", "packable"), [(None, True), (0.01, False)])
def test_a_model_with_attention_of_another_kind_is_not_packed(
    softcap: float | None, packable: bool
) -> None:
    torch.manual_seed(0)
    config = Gemma2Config(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        initializer_range=1.0,
        layer_types=["full_attention"] * 2,
        attn_logit_softcapping=softcap,
        final_logit_softcapping=None,
        attn_implementation="eager",
    )
    model = Gemma2ForCausalLM(config).eval()
    assert can_pack(model, torch.randint(4, 50, (40,)).tolist()) == packable


def test_all_but_the_weights_is_as_before(job: Jobs, policy: Any, world: Any) -> None:
    model = policy.model
    before = dict(vars(model)), dict(vars(model.config)), torch.get_num_threads()
    start = weights(model)
    train(job(demonstrations=world.endless_echoes()), threads=2)
    assert (dict(vars(model)), dict(vars(model.config)), torch.get_num_threads()) == before
    assert not any(module.training for module in model.modules())
    assert not torch.equal(start, weights(model))


def test_training_prints_nothing(job: Jobs, capfd: pytest.CaptureFixture[str], world: Any) -> None:
    train(job(demonstrations=world.endless_echoes(), held_out=[world.echo("a", 2)]))
    assert capfd.readouterr() == ("", "")


def test_equal_seeds_and_demonstrations_give_equal_weights(job: Jobs, world: Any) -> None:
    ends = []
    for _ in range(2):
        policy = world.policy()
        train(job(policy=policy, demonstrations=world.endless_echoes()), threads=2)
        ends.append(weights(policy.model))
    assert torch.equal(*ends)


def test_a_clock_that_ends_nothing_changes_nothing(job: Jobs, world: Any) -> None:
    ends, records = [], []
    for budgets in ({}, {"seconds": 600.0}, {"cpu_seconds": 600.0}, {"seconds": 600.0}):
        policy = world.policy()
        demonstrations = world.endless_echoes()
        record = train(job(policy=policy, demonstrations=demonstrations), threads=1, **budgets)
        ends.append(weights(policy.model).numpy().tobytes())
        clocks = {"seconds", "cpu_seconds", "tokens_per_second"}
        records.append({key: value for key, value in record.items() if key not in clocks})
    assert len({*ends}) == 1
    assert records[1:] == records[:-1]


def test_progress_hears_of_each_step(job: Jobs, world: Any) -> None:
    heard = []
    told = lambda step, steps, metrics: heard.append((step, steps, sorted(metrics)))  # noqa: E731
    train(
        job(demonstrations=world.endless_echoes(), held_out=[world.echo("a", 2)], progress=told),
        eval_steps=3,
    )
    assert [step for step, _, _ in heard] == [1, 2, 3, 4]
    assert {steps for _, steps, _ in heard} == {4}
    assert heard[-1][2] == ["held_out_loss", "loss", "tokens_per_s"]


def test_a_held_out_loss_that_does_not_fall_ends_training(job: Jobs, world: Any) -> None:
    training = job(demonstrations=world.endless_echoes(), held_out=[world.echo("a", 2)])
    record = train(training, max_steps=1000, learning_rate=0.0, eval_steps=2, patience=2)
    assert record["stopped_because"] == "plateau"
    assert record["steps"] == 10


def test_training_ends_with_the_demonstrations(job: Jobs, world: Any) -> None:
    record = train(job(demonstrations=islice(world.endless_echoes(), 20)), max_steps=1000)
    assert record["stopped_because"] == "out of demonstrations"
    assert record["steps"] == 3


def test_without_a_demonstration_there_is_nothing_to_learn(job: Jobs) -> None:
    with pytest.raises(NothingToLearn, match="no demonstration"):
        train(job(demonstrations=iter(())))


def test_demonstrations_whose_first_turn_comes_too_late_are_not_waited_for(
    job: Jobs, world: Any
) -> None:
    with pytest.raises(NothingToLearn, match="in their first 2 tokens") as error:
        train(job(demonstrations=world.endless_echoes()), max_length=2)
    assert "max_length" in error.value.hint


def test_the_learning_rate_follows_the_budget_that_is_further_gone() -> None:
    now = count(0, 10)
    schedule = Schedule(1000, 100.0, clock=lambda: next(now))
    rates = [schedule.factor(step) for step in range(10)]
    assert rates[:5] == [0.0, *[1.0] * 4]
    assert rates[5:] == pytest.approx([5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6])
    assert schedule.is_over(9)
    assert schedule.stopped_because(9) == "seconds"


def test_a_budget_of_cpu_time_counts_on_after_a_kill_and_names_itself() -> None:
    cpu = iter([0.0, 0.0, 30.0, 30.0])
    killed = Schedule(1000, None, 60.0, cpu_clock=lambda: next(cpu))
    killed.start()
    assert killed.progress(1) == 0.5
    state = killed.state()
    cpu = iter([100.0, 100.0, 115.0, 130.0, 131.0])
    resumed = Schedule(1000, None, 60.0, cpu_clock=lambda: next(cpu))
    resumed.restore(state)
    assert resumed.progress(2) == 0.75
    assert resumed.is_over(3)
    assert resumed.stopped_because(3) == "cpu_seconds"


def test_a_decay_that_begins_early_ends_early() -> None:
    schedule = Schedule(1000, None)
    assert schedule.decay_now(200)
    assert schedule.factor(200) == 1.0
    assert schedule.factor(350) == pytest.approx(0.5)
    assert schedule.steps(350) == 500
    assert schedule.is_over(500)
    assert schedule.stopped_because(500) == "plateau"
    assert not schedule.decay_now(350)


def test_a_plateau_is_reached_after_looks_without_a_gain() -> None:
    plateau = Plateau(patience=2)
    assert [plateau.reached(loss) for loss in (1.0, 0.5, 0.499, 0.6)] == [False, False, False, True]


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_sise", 3), ("max_steps", 0), ("learning_rate", -1), ("seconds", "long")],
)
def test_a_bad_option_is_named(option: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=option):
        open_registry().make("trainer", "sft", Settings(options={option: value}))


def test_the_trainer_is_offered_as_sft() -> None:
    trainer = open_registry().make("trainer", "sft", Settings(options={"max_steps": 3}))
    assert trainer.needs == "demonstrations"
