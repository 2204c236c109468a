"""The study folder: fixed once begun, and what arms hand on to each other."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunError
from harness.protocols import Event
from harness.run_folder import RunFolder
from harness.study.cpu_meter import Meter, cpu_seconds
from harness.study.folder import StudyFolder
from harness.study.spec import SHARED, Study, Turn, parse_study

TABLE: dict[str, Any] = {
    "title": "t",
    "seeds": [0, 1],
    "settings": {"preset": "quick", "domain": "weather"},
    "arms": {
        "sft": {},
        "targeted": {"trains": "targeted"},
        "own": {"trains": "targeted", "own_tasks": True},
        "longer": {"trains": "targeted", "after": "targeted", "settings": {"rounds": 2}},
        "continued": {
            "trains": "demonstrations",
            "as_long_as": "longer",
            "budget": "sft.cpu_seconds",
        },
        "imitated": {
            "trains": "generic",
            "as_long_as": "longer",
            "budget": "sft.cpu_seconds",
            "settings": {"trainer": "sft"},
        },
    },
}


def study(**changes: Any) -> Study:
    return parse_study({**TABLE, **changes}, "study.toml")


def spend(store: RunFolder, station: str, seconds: float) -> None:
    store.append("cpu.jsonl", {"station": station, "seconds": seconds, "process": station})


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    begun = StudyFolder.begin(tmp_path / "study", study())
    shared = begun.open_run(Turn(seed=0, arm=SHARED))
    model = shared.folder / "checkpoints" / "sft" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    shared.finish("sft", 1.0)
    return begun


def test_a_study_that_died_as_it_was_begun_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.json.part").write_text('{"title":')
    StudyFolder.begin(tmp_path / "study", study())
    assert [path.name for path in (tmp_path / "study").iterdir()] == ["study.json"]
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.json.part").write_text("{")
    with pytest.raises(RunError, match="is not empty"):
        StudyFolder.begin(tmp_path / "other", study())


def test_arms_seeds_and_comparisons_may_be_added_and_nothing_else_changed(tmp_path: Path) -> None:
    pairs = [{"arm": "targeted", "against": "sft"}, {"arm": "longer", "against": "sft"}]
    StudyFolder.begin(tmp_path, study(comparisons=pairs[:1]))
    more = {"arms": {**TABLE["arms"], "more": {}}, "comparisons": pairs}
    StudyFolder.begin(tmp_path, study(seeds=[0, 1, 2], **more))
    for changes, named in (
        ({"comparisons": pairs[1:]}, "comparisons"),
        ({"seeds": [0]}, "arms.more, seeds"),
        ({"settings": {"preset": "default", "domain": "weather"}}, "settings"),
        ({"expectations": [{"says": "so", "arm": "sft"}]}, "expectations"),
        ({"arms": {**TABLE["arms"], "sft": {"label": "SFT"}}}, "arms.sft"),
    ):
        with pytest.raises(RunError, match=named):
            StudyFolder.begin(tmp_path, study(**changes))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("")
    with pytest.raises(RunError, match="is not empty"):
        StudyFolder.begin(tmp_path, study())
    with pytest.raises(RunError, match="is not a study folder"):
        StudyFolder.open(tmp_path)


def test_an_arm_begins_with_what_is_shared_and_settings_of_its_own(folder: StudyFolder) -> None:
    targeted = folder.open_run(Turn(seed=0, arm="targeted"))
    assert targeted.is_done("sft")
    kept = "checkpoints/sft/model/config.json"
    shared = folder.run_folder(Turn(seed=0, arm=SHARED))
    assert os.path.samefile(targeted.folder / kept, shared / kept)
    assert not targeted.has("timings.jsonl")
    targeted.finish("train rl-1", 1.0)
    longer = folder.open_run(Turn(seed=0, arm="longer"))
    assert longer.is_done("train rl-1")
    assert longer.config["rounds"] == 2
    assert targeted.config["rounds"] == 1


@pytest.mark.parametrize("name", ["study", "checkpoints"])
def test_what_an_arm_goes_on_writing_is_its_own_wherever_the_study_is(
    tmp_path: Path, name: str
) -> None:
    folder = StudyFolder.begin(tmp_path / name / "study", study())
    shared = folder.open_run(Turn(seed=0, arm=SHARED))
    growing = ["proofs.jsonl", "rounds/1/tasks.jsonl", "checkpoints/rl-1/rollouts.jsonl"]
    for file in growing:
        shared.append(file, {"of": "shared"})
    arm = folder.open_run(Turn(seed=0, arm="targeted"))
    for file in growing:
        arm.append(file, {"of": "arm"})
        assert "arm" not in shared.read_text(file)


def test_an_arm_that_makes_its_own_tasks_begins_with_the_patterns_and_no_task(
    folder: StudyFolder,
) -> None:
    shared = folder.open_run(Turn(seed=0, arm=SHARED))
    for name in ("patterns.jsonl", "tasks.jsonl", "gates.jsonl"):
        shared.append(f"rounds/1/{name}", {})
    for station in ("discover 1", "inject 1"):
        shared.finish(station, 1.0)
    own = folder.open_run(Turn(seed=0, arm="own"))
    other = folder.open_run(Turn(seed=0, arm="targeted"))
    assert own.is_done("discover 1")
    assert own.has("rounds/1/patterns.jsonl")
    assert not own.is_done("inject 1")
    assert not any(own.has(f"rounds/1/{name}.jsonl") for name in ("tasks", "gates"))
    for kept in (shared, other):
        assert kept.is_done("inject 1")
        assert kept.has("rounds/1/tasks.jsonl")


def test_a_copy_that_was_cut_off_is_begun_again(folder: StudyFolder) -> None:
    part = folder.folder / "runs" / "0" / ".targeted.part"
    (part / "targeted").mkdir(parents=True)
    (part / "targeted" / "rubbish").write_text("")
    store = folder.open_run(Turn(seed=0, arm="targeted"))
    assert not store.has("rubbish")
    assert not part.exists()


def test_equal_time_is_all_that_the_other_arm_cost_beyond_sft(folder: StudyFolder) -> None:
    spend(folder.open_run(Turn(seed=0, arm=SHARED)), "sft", 1000)
    spend(folder.open_run(Turn(seed=0, arm=SHARED)), "inject 1", 7)
    spend(folder.open_run(Turn(seed=0, arm="targeted")), "train rl-1", 20)
    spend(folder.open_run(Turn(seed=0, arm="targeted")), "evaluate rl-1 on test", 500)
    spend(folder.open_run(Turn(seed=0, arm="longer")), "evaluate rl-1 on validation", 3)
    continued = folder.open_run(Turn(seed=0, arm="continued"))
    assert continued.config["options"]["sft"]["cpu_seconds"] == 30


def test_an_arm_that_has_tasks_itself_has_the_time_of_training_alone(folder: StudyFolder) -> None:
    spend(folder.open_run(Turn(seed=0, arm=SHARED)), "inject 1", 7)
    spend(folder.open_run(Turn(seed=0, arm="targeted")), "train rl-1/warm", 5)
    spend(folder.open_run(Turn(seed=0, arm="targeted")), "train rl-1", 20)
    spend(folder.open_run(Turn(seed=0, arm="longer")), "evaluate rl-1 on validation", 3)
    imitated = folder.open_run(Turn(seed=0, arm="imitated"))
    assert imitated.config["options"]["sft"]["cpu_seconds"] == 25


def test_rows_say_where_their_seed_begins(folder: StudyFolder) -> None:
    shared, sft, other = (Turn(seed=s, arm=a) for s, a in ((0, SHARED), (0, "sft"), (1, "sft")))
    folder.finish(shared, {"start": "weights"})
    folder.finish(sft, {})
    folder.finish(other, {})
    assert folder.row(sft)["start"] == "weights"
    assert "start" not in folder.row(other)


def test_time_of_interrupted_tries_counts(tmp_path: Path) -> None:
    store = RunFolder.create(tmp_path / "run", {})
    for process, seconds in (("a", 2.0), ("a", 5.0), ("b", 4.0)):
        store.append("cpu.jsonl", {"station": "sft", "seconds": seconds, "process": process})
    assert cpu_seconds(store) == {"sft": 9.0}


def test_the_meter_measures_this_process_station_by_station(tmp_path: Path) -> None:
    store = RunFolder.create(tmp_path / "run", {})
    meter = Meter(store)
    for station, work in (("idle", 0), ("busy", 3_000_000)):
        meter.notify(Event(name="station_started", data={"station": station}))
        sum(range(work))
        meter.notify(Event(name="station_finished", data={"station": station}))
    found = cpu_seconds(store)
    assert found["busy"] > found["idle"]


def test_processes_that_end_together_write_the_results_one_after_the_other(
    folder: StudyFolder,
) -> None:
    others = [StudyFolder.open(folder.folder) for _ in range(8)]
    with ThreadPoolExecutor(len(others)) as pool:
        written = [*pool.map(lambda one: [one.results() for _ in range(20)], others)]
    text = folder.results().read_text()
    assert {path for paths in written for path in paths} == {folder.folder / "results.json"}
    assert json.loads(text)["rows"] == []
