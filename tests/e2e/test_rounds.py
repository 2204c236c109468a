"""Several rounds of the loop on the weather domain, with a pupil that learns by decree."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import loop
from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import NothingToLearn
from harness.injection.admission import GateRecord
from harness.injection.pool import fingerprint, tasks_of_round
from harness.llm.roles import open_registry
from harness.loop import run_loop, stations
from harness.protocols import Event
from harness.run_folder import RunFolder
from harness.types import Diagnosis, ErrorPattern
from harness.types.names import ArmName, StationName

SIZES = {
    "validation_tasks": 30, "validation_trials": 1, "test_tasks": 12, "test_trials": 2,
    "targeted_tasks": 10, "held_out_demonstrations": 3, "easy_demonstrations": 0.0,
    "control": "none", "warm_start": False,
}  # fmt: skip
WITH_GATES = {"admission": {"rollouts_per_task": 8, "fill": True, "off": []}}
NAMES = {
    "domain": "weather", "policy": "pupil", "sft_trainer": "lessons", "trainer": "drill",
}  # fmt: skip


class Ear:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def notify(self, event: Event) -> None:
        self.events.append(event)

    def heard(self, name: str) -> list[Any]:
        return [event.data for event in self.events if event.name == name]


class Run:
    """A finished run: its folder, its report, what was told meanwhile."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder, self.ear = folder, Ear()
        flags = {**NAMES, **SIZES, "options": WITH_GATES, **settings}
        config = load_config(preset="quick", flags=flags)
        self.store = RunFolder.create(folder, config.plain())
        self.parts = Components(config, open_registry(), (self.ear,))
        self.report: Any = run_loop(self.parts, self.store)

    def again(self) -> Ear:
        """Run it anew on the same folder, as --resume does."""
        ear = Ear()
        self.report = run_loop(Components(self.parts.config, open_registry(), (ear,)), self.store)
        return ear

    def trained(self, arm: str) -> Any:
        return self.store.read_checkpoint(arm)

    def pool(self, number: int) -> list[str]:
        return [task.id for task in tasks_of_round(self.store, number)]


Start = Callable[..., Run]


@pytest.fixture
def start(
    weather: Path, pupil: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Run]:
    for folder in (weather, pupil):
        monkeypatch.syspath_prepend(str(folder))
    for name in [
        name for name in sys.modules if name.startswith(("harness_weather", "harness_pu"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    return lambda name="run", **settings: Run(tmp_path / name, **settings)


def test_two_rounds_train_on_the_union_from_the_sft_checkpoint(start: Start) -> None:
    run = start(rounds=2)
    assert [arm["name"] for arm in run.report["arms"]] == ["base", "sft", "rl-1", "rl-2"]
    assert run.report["complete"] is True
    assert list(run.trained("rl-1").record["tasks"]) == run.pool(1)
    assert list(run.trained("rl-2").record["tasks"]) == run.pool(1) + run.pool(2)
    assert run.trained("rl-1").parent == run.trained("sft").id
    assert run.trained("rl-2").parent == run.trained("sft").id
    assert run.trained("rl-2").record["from"] == 0.4
    assert set(run.report["seconds"]) == set(stations(run.parts))


def test_recent_pools_and_restarts_from_the_previous_round_are_what_they_say(start: Start) -> None:
    run = start(rounds=2, pool="recent", restart="previous")
    assert list(run.trained("rl-2").record["tasks"]) == run.pool(2)
    assert run.trained("rl-2").parent == run.trained("rl-1").id
    assert run.trained("rl-2").record["from"] == pytest.approx(0.6)


def test_a_control_of_recent_pools_trains_on_other_tasks_in_each_round(start: Start) -> None:
    run = start(rounds=2, pool="recent", control="oracle")
    first, second = (run.trained(f"oracle-{n}").record["tasks"] for n in (1, 2))
    assert (len(first), len(second)) == (len(run.pool(1)), len(run.pool(2)))
    assert not {*first} & {*second}


def test_later_rounds_read_the_rollouts_of_the_training_before_where_that_is_wanted(
    start: Start,
) -> None:
    run = start(rounds=2, discover_from="rollouts", restart="previous")
    read = [run.store.read_table(f"rounds/{n}/discovery.json")["evaluation"] for n in (1, 2)]
    assert read == ["sft-validation", "rl-1-train"]
    assert "rl-1-validation" not in run.store.evaluations()
    failed = run.store.read_values("rounds/2/diagnoses.jsonl", Diagnosis)
    assert failed
    assert {diagnosis.task_id for diagnosis in failed} <= set(run.pool(1))
    assert set(run.report["seconds"]) == set(stations(run.parts))
    assert not run.again().heard("station_started")


@pytest.mark.parametrize("reads", ["validation", "rollouts"])
def test_a_round_is_made_anew_where_the_weights_it_reads_were(start: Start, reads: str) -> None:
    run = start(rounds=2, discover_from=reads, restart="previous")
    before = {name: run.store.read_text(f"rounds/2/{name}.jsonl") for name in ("tasks", "patterns")}
    run.store.path("checkpoints/rl-1/checkpoint.json").unlink()
    started = {data["station"] for data in run.again().heard("station_started")}
    again = {"train rl-1", "evaluate rl-1 on test", "discover 2", "inject 2", "train rl-2"}
    assert again <= started
    assert ("evaluate rl-1 on validation" in started) == (reads == "validation")
    assert "discover 1" not in started
    assert run.report["complete"] is True
    for name, text in before.items():
        assert run.store.read_text(f"rounds/2/{name}.jsonl") == text
    assert not run.again().heard("station_started")


@pytest.mark.parametrize("restart", ["sft", "previous"])
def test_the_controls_get_the_same_budget_of_other_tasks(start: Start, restart: str) -> None:
    run = start(rounds=2, control="both", restart=restart)
    arms = [arm["name"] for arm in run.report["arms"]]
    controls = ["generic", "oracle"]
    ours = [f"{kind}-{number}" for number in (1, 2) for kind in ("rl", *controls)]
    assert arms == ["base", "sft", *ours]
    for kind in controls:
        for number in (1, 2):
            targeted = run.trained(f"rl-{number}").record["tasks"]
            others = run.trained(f"{kind}-{number}").record["tasks"]
            assert len(others) == len(targeted)
            assert not set(others) & set(targeted)
        parent = f"{kind}-1" if restart == "previous" else "sft"
        assert run.trained(f"{kind}-2").parent == run.trained(parent).id


def test_a_warm_start_imitates_the_pool_before_training_on_it(start: Start) -> None:
    run = start(rounds=2, control="generic", warm_start=True)
    for arm in ("rl-1", "generic-1", "rl-2", "generic-2"):
        warm = run.trained(f"{arm}/warm")
        assert warm.parent == run.trained("sft").id
        assert run.trained(arm).parent == warm.id
        assert run.trained(arm).record["from"] == 0.4
        kind = "targeted" if arm.startswith("rl") else "generic"
        count = len(run.trained(arm).record["tasks"])
        assert warm.trained_on == f"demonstrations on {count} {kind} tasks"
        assert run.trained(arm).trained_on == f"{count} {kind} tasks"
    assert set(run.trained("rl-2/warm").record["tasks"]) <= {
        *run.pool(1), *run.pool(2), *run.trained("sft").record["tasks"],
    }  # fmt: skip
    assert set(run.report["seconds"]) == set(stations(run.parts))
    assert not run.again().heard("train_step")
    arms = [arm["name"] for arm in run.report["arms"]]
    assert arms[:5] == ["base", "sft", "rl-1/warm", "rl-1", "generic-1"]


@pytest.mark.parametrize(
    ("at", "left"),
    [
        ("rl-1/warm", []),
        ("rl-1", ["rl-1/warm"]),
        ("generic-1/warm", ["rl-1/warm", "rl-1"]),
        ("generic-1", ["rl-1/warm", "rl-1", "generic-1/warm"]),
    ],
)
def test_a_round_that_was_killed_in_a_training_comes_to_the_same(
    start: Start, monkeypatch: pytest.MonkeyPatch, at: str, left: list[str]
) -> None:
    whole = start("whole", control="generic", warm_start=True)
    arms = ["rl-1/warm", "rl-1", "generic-1/warm", "generic-1"]
    write = RunFolder.write_checkpoint

    def killed(store: RunFolder, arm: str, checkpoint: Any) -> None:
        if arm == at:
            raise KeyboardInterrupt
        write(store, arm, checkpoint)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_checkpoint", killed)
        with pytest.raises(KeyboardInterrupt):
            start("cut", control="generic", warm_start=True)
    store = RunFolder.open(whole.folder.with_name("cut"))
    assert [arm for arm in arms if store.has_checkpoint(arm)] == left
    run_loop(Components(whole.parts.config, open_registry(), ()), store)
    for arm in arms:
        mended, expected = store.read_checkpoint(arm), whole.trained(arm)
        assert (mended.id, mended.parent, mended.record) == (
            expected.id,
            expected.parent,
            expected.record,
        )


def test_training_again_from_a_new_warm_start_leaves_nothing_of_the_old_one(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start(warm_start=True)
    arm = ArmName.targeted(1)

    def killed(*told: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "warm_start", killed)
    with pytest.raises(KeyboardInterrupt):
        loop.train(run.parts, run.store, 1, again=True)
    assert not run.store.is_done(StationName.train(arm.warm))
    assert not run.store.is_done(StationName.train(arm))


def test_training_again_writes_new_files_and_keeps_none_of_the_old_ones(start: Start) -> None:
    run = start()
    model = run.folder / "checkpoints" / "rl-1" / "model"
    (model / "part-2.bin").write_text("of other weights")
    for path in model.iterdir():
        os.link(path, run.folder.with_name(path.name))  # as the runs of a study share weights
    loop.train(run.parts, run.store, 1, again=True)
    assert [path.name for path in model.iterdir()] == ["skill.json"]
    assert not os.path.samefile(model / "skill.json", run.folder.with_name("skill.json"))
    assert not run.again().heard("station_started")


def test_a_control_that_cannot_be_made_costs_only_itself(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = loop.control_tasks

    def tasks(parts: Components, kind: Any, count: int, **which: int) -> Any:
        if kind == "generic":
            raise NothingToLearn("no such task", hint="")
        return made(parts, kind, count, **which)

    monkeypatch.setattr(loop, "control_tasks", tasks)
    run = start(rounds=2, control="both")
    arms = [arm["name"] for arm in run.report["arms"]]
    assert arms == ["base", "sft", "rl-1", "oracle-1", "rl-2", "oracle-2"]
    said = [told["message"] for told in run.ear.heard("warning")]
    assert "round 1 has no generic control: no such task" in said


def test_a_trainer_that_imitates_gets_demonstrations_on_the_tasks_and_old_ones(
    start: Start,
) -> None:
    run = start(control="generic", trainer="lessons")
    arms = [arm["name"] for arm in run.report["arms"]]
    assert arms == ["base", "sft", "rl-1", "generic-1"]
    targeted, generic = (list(run.trained(arm).record["tasks"]) for arm in ("rl-1", "generic-1"))
    count, known = len(run.pool(1)), list(run.trained("sft").record["tasks"])
    assert targeted[:count] == run.pool(1)
    assert not set(generic[:count]) & {*run.pool(1), *known}
    beside = len(targeted) - count  # the trainer looks at five in all
    assert 0 < beside <= count
    assert targeted[count:] == generic[count:] == known[:beside]
    assert run.trained("rl-1").trained_on == f"demonstrations on {count} targeted tasks"
    assert run.trained("generic-1").trained_on == f"demonstrations on {count} generic tasks"


def test_each_round_studies_the_newest_policy(start: Start) -> None:
    run = start(rounds=2)
    found = [run.store.read_table(f"rounds/{n}/discovery.json")["evaluation"] for n in (1, 2)]
    assert found == ["sft-validation", "rl-1-validation"]
    assert [arm["name"] for arm in run.report["validation"]] == ["sft", "rl-1"]


def test_held_out_tasks_and_repeats_never_enter_the_pool(start: Start) -> None:
    free = {"admission": {"off": ["targeted"]}}  # whether they aim well is another matter
    run = start(rounds=2, injector="smuggler", options=free)
    for number in (1, 2):
        refused = run.store.read_table(f"rounds/{number}/refused.json")
        assert refused["matches a held-out task"] >= 20
        assert refused["not a train task"] >= 1
        repeats = ("already in the pool", "nearly the same as a pool task")
        assert sum(refused.get(reason, 0) for reason in repeats) >= 1
    held_out = {
        fingerprint(task)
        for split in ("test", "validation")
        for task in run.parts.domain.tasks(split)  # type: ignore[arg-type]
    }
    marks = [fingerprint(task) for n in (1, 2) for task in tasks_of_round(run.store, n)]
    assert marks
    assert not held_out & set(marks)
    assert len(set(marks)) == len(marks)
    assert run.report["pool"][0]["refused"] == run.store.read_table("rounds/1/refused.json")


def test_every_targeted_task_leads_back_to_the_failure_it_was_made_for(start: Start) -> None:
    run = start(rounds=2)
    for number, arm in ((1, "sft"), (2, "rl-1")):
        trace_lineage(run.store, number, f"{arm}-validation")


def test_a_policy_that_no_longer_fails_ends_the_run_early_and_well(start: Start) -> None:
    run = start(rounds=3, options={**WITH_GATES, "drill": {"gain": 1.0}})
    assert [arm["name"] for arm in run.report["arms"]] == ["base", "sft", "rl-1"]
    assert run.report["arms"][-1]["pass"]["1"]["value"] == 100.0
    assert run.report["complete"] is True
    assert "round 2 ended early" in run.ear.heard("warning")[-1]["message"]


def test_a_finished_run_does_nothing_when_resumed(start: Start) -> None:
    run = start(rounds=1)
    timings = (run.folder / "timings.jsonl").read_bytes()
    ear = run.again()
    assert (run.folder / "timings.jsonl").read_bytes() == timings
    assert [data["station"] for data in ear.heard("station_skipped")] == stations(run.parts)
    assert ear.heard("station_started") == []


def test_two_runs_of_one_seed_leave_the_same_files_but_for_the_times(start: Start) -> None:
    def kept(run: Run) -> dict[str, bytes]:
        paths = [path for path in run.folder.rglob("*") if path.is_file()]
        timed = ("timings.jsonl", "report.json", "run.lock")
        return {
            str(path.relative_to(run.folder)): path.read_bytes()
            for path in paths
            if path.name not in timed
        }

    first, second = kept(start("a", rounds=2, seed=7)), kept(start("b", rounds=2, seed=7))
    assert set(first) == set(second)
    assert [name for name in first if first[name] != second[name]] == []
    assert (
        kept(start("c", seed=8))["evals/sft-test/episodes.jsonl"]
        != (first["evals/sft-test/episodes.jsonl"])
    )


def trace_lineage(store: RunFolder, number: int, evaluation: str) -> None:
    """Walk every task of a round back to its failure, and every pattern forth to its tasks."""
    tasks = tasks_of_round(store, number)
    patterns = {p.id: p for p in store.read_values(f"rounds/{number}/patterns.jsonl", ErrorPattern)}
    found = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
    diagnoses = {diagnosis.trajectory_id: diagnosis for diagnosis in found}
    rows: list[Any] = store.read_rows(f"evals/{evaluation}/episodes.jsonl")
    failed = {row["trajectory"]["id"]: row for row in rows if not row["score"]["success"]}
    assert tasks
    for task in tasks:
        origin = task.origin
        assert origin is not None
        assert origin.round == number
        assert origin.trajectory_id in patterns[origin.pattern_id].members
        assert diagnoses[origin.trajectory_id].blame == "agent"
        assert failed[origin.trajectory_id]["trajectory"]["task_id"] == origin.parent_task_id
        assert diagnoses[origin.trajectory_id].task_id == origin.parent_task_id
    [account] = store.read_value(f"rounds/{number}/injections.json", list[dict[str, Any]])
    lacking = {row["pattern"] for row in account["patterns"] if not row["admitted"]}
    assert all(row["ended"] for row in account["patterns"] if row["pattern"] in lacking)
    assert {task.origin.pattern_id for task in tasks if task.origin} == set(patterns) - lacking
    records = store.read_values(f"rounds/{number}/gates.jsonl", GateRecord)
    assert [record.task_id for record in records] == [task.id for task in tasks]
    assert all(list(record.gates) == account["gates"] for record in records)
    assert set(diagnoses) == set(failed)
