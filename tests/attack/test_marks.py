"""A station is done only while all that it left is there, unchanged."""

import json
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.results.report_document import current_report
from harness.run_folder import RunFolder
from harness.types import (
    Checkpoint,
    Diagnosis,
    Episode,
    Grade,
    Scenario,
    Score,
    Split,
    Task,
    Trajectory,
)
from harness.types.names import ArmName, EvaluationName, StationName

EVALUATED = StationName.evaluate("sft", "test")
EPISODES = "evals/sft-test/episodes.jsonl"
TASK = Task(id="a", domain="weather", split="test", scenario=Scenario(reason="rain"), world={})


def episode(trial: int) -> Episode:
    trajectory = Trajectory(
        id=f"a-{trial}",
        task_id="a",
        trial=trial,
        policy="p",
        seed=1,
        messages=(),
        ended="user_stop",
    )
    return Episode(
        task=TASK, trajectory=trajectory, grade=Grade(success=True), score=Score(success=True)
    )


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def store(tmp_path: Path, warnings: list[str]) -> RunFolder:
    made = RunFolder.create(tmp_path / "run", {"domain": "weather"})
    made.write_values("tasks/test.jsonl", Task, [TASK])
    made.write_episodes("sft-test", [episode(trial) for trial in range(4)])
    made.finish(EVALUATED, 1.0)
    made.write_values("rounds/1/diagnoses.jsonl", Diagnosis, [])
    made.write_json("rounds/1/discovery.json", {"evaluation": "sft-validation", "method": "x"})
    made.finish(StationName.discover(1), 1.0)
    made.write_json("report.json", {"complete": True})
    made.warn = warnings.append
    return made


def test_a_station_whose_files_are_whole_is_done(store: RunFolder, warnings: list[str]) -> None:
    assert store.is_done(EVALUATED)
    assert store.is_done(StationName.discover(1))
    assert current_report(store)["complete"] is True
    assert warnings == []


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (EPISODES, lambda text: text.split("\n", 1)[1], "has 3 lines, and had 4"),
        (EPISODES, lambda text: text.replace("true", "false", 1), "was changed"),
        (EPISODES, lambda text: text + text, "has 8 lines, and had 4"),
        ("tasks/test.jsonl", lambda text: text.replace("weather", "retail"), "was changed"),
    ],
)
def test_what_is_lost_or_changed_is_said_and_the_station_is_not_done(
    store: RunFolder, warnings: list[str], name: str, change: object, said: str
) -> None:
    path = store.folder / name
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    assert not store.is_done(EVALUATED)
    assert f"{name} {said}" in warnings[0]
    assert store.is_done(StationName.discover(1))
    assert current_report(store)["complete"] is False


@pytest.mark.parametrize("name", [EPISODES, "tasks/test.jsonl", "rounds/1/discovery.json"])
def test_a_file_that_is_missing_is_said(store: RunFolder, warnings: list[str], name: str) -> None:
    (store.folder / name).unlink()
    assert current_report(store)["complete"] is False
    assert f"{name} is missing" in warnings[0]


def test_of_a_damaged_evaluation_the_whole_conversations_stay(store: RunFolder) -> None:
    path = store.folder / EPISODES
    first, second, third, fourth = path.read_text().splitlines()
    path.write_text("\n".join([fourth, "not JSON", second.replace("true", "false"), first, ""]))
    store.clear_damaged(EVALUATED)
    kept = store.read_episodes("sft-test", [TASK])
    assert [one.trajectory.trial for one in kept] == [3, 0]
    assert not store.has("done/evaluate-sft-on-test.json")
    assert third not in path.read_text()


def test_a_damaged_import_cannot_be_made_again_here(store: RunFolder) -> None:
    store.write_rows("evals/sft-test/originals.jsonl", [{"trajectory_id": "a-0", "record": {}}])
    store.finish(EVALUATED, 1.0)
    path = store.folder / EPISODES
    path.write_text(path.read_text().split("\n", 1)[1])
    with pytest.raises(RunError, match="has 3 lines, and had 4"):
        store.clear_damaged(EVALUATED)
    assert len(store.read_episodes("sft-test", [TASK])) == 3


def test_marks_of_older_runs_are_believed(store: RunFolder) -> None:
    store.write_json("done/evaluate-sft-on-test.json", {"station": EVALUATED})
    (store.folder / EPISODES).unlink()
    assert store.is_done(EVALUATED)


def test_rows_that_are_there_twice_count_once(store: RunFolder) -> None:
    path = store.folder / EPISODES
    path.write_text(path.read_text() * 2)
    assert [e.trajectory.trial for e in store.read_episodes("sft-test", [TASK])] == [0, 1, 2, 3]
    assert len(store.read_outlines("sft-test")) == 4


def test_a_finished_run_stays_finished_whatever_is_made_anew(store: RunFolder) -> None:
    with store.together():
        store.write_json("rounds/1/discovery.json", {"evaluation": "x-validation", "method": "y"})
        store.mark(StationName.discover(1))
    assert store.is_done(StationName.discover(1))
    assert current_report(store)["complete"] is True


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.unlink(),
    ],
    ids=["a flipped bit", "cut short", "missing"],
)
@pytest.mark.parametrize("name", ["weights.bin", "codec.json"])
def test_weights_that_are_not_as_they_were_saved_are_refused(
    store: RunFolder, damage: object, name: str
) -> None:
    from harness.run_folder.weights import refuse_damaged

    folder = store.folder / "checkpoints" / "sft" / "model"
    folder.mkdir(parents=True)
    (folder / "weights.bin").write_bytes(b"\x00\x01\x02")
    (folder / "codec.json").write_text(json.dumps({"codec": "compact"}))
    store.write_checkpoint("sft", Checkpoint(id="1", policy="tiny", path=str(folder)))
    refuse_damaged(store.read_checkpoint("sft"))
    damage(folder / name)  # type: ignore[operator]
    with pytest.raises(RunError, match=name):
        refuse_damaged(store.read_checkpoint("sft"))


def trained(store: RunFolder, weights: str) -> None:
    """As a training that ends leaves the arm whose evaluation the run has."""
    folder = store.folder / "checkpoints" / "sft" / "model"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.bin").write_text(weights)
    store.write_checkpoint("sft", Checkpoint(id="1", policy="tiny", path=str(folder)))
    store.finish(StationName.train("sft"), 1.0)


def evaluated(store: RunFolder) -> None:
    """As a run that goes on leaves what follows the arm's weights."""
    store.write_values("tasks/test.jsonl", Task, [TASK])
    store.write_episodes("sft-test", [episode(0)])
    store.write_json("evals/sft-test/blame.json", {"blame": {}})
    store.finish(EVALUATED, 1.0)
    store.finish(StationName.discover(1), 1.0)


def test_an_evaluation_stays_if_a_training_that_is_repeated_leaves_the_same_weights(
    store: RunFolder, warnings: list[str]
) -> None:
    trained(store, "old")
    evaluated(store)
    warnings.clear()
    trained(store, "old")
    assert store.is_done(EVALUATED)
    assert current_report(store)["complete"] is True
    assert warnings == []


@pytest.mark.parametrize("lost", [False, True], ids=["", "after its checkpoint was lost"])
def test_no_evaluation_is_of_other_weights_than_the_arm_has(
    store: RunFolder, warnings: list[str], lost: bool
) -> None:
    trained(store, "old")
    evaluated(store)
    warnings.clear()
    if lost:
        (store.folder / "checkpoints" / "sft" / "checkpoint.json").unlink()
    trained(store, "new")
    assert "sft has new weights" in warnings[0]
    assert not store.is_done(EVALUATED)
    assert store.read_episodes("sft-test", [TASK]) == []
    assert not store.has("evals/sft-test/blame.json")
    assert store.has("tasks/test.jsonl")
    assert current_report(store)["complete"] is False
    evaluated(store)
    assert current_report(store)["complete"] is True


@pytest.mark.parametrize("split", ["validation", "train"])
def test_what_a_later_round_reads_follows_weights_that_were_trained_again(
    store: RunFolder, warnings: list[str], split: Split
) -> None:
    trained(store, "old")
    evaluation = EvaluationName.of("sft", split)
    store.write_episodes(evaluation, [episode(0)])
    store.finish(StationName.evaluate("sft", split), 1.0)
    store.write_json("rounds/1/discovery.json", {"evaluation": evaluation})
    store.write_json("rounds/2/discovery.json", {"evaluation": "rl-1-validation"})
    of_round = [StationName.discover(1), StationName.inject(1), StationName.train("rl-1/warm")]
    others = [StationName.discover(2), StationName.inject(12), StationName.train("generic-11")]
    for station in (*of_round, *others):
        store.finish(station, 1.0)
    warnings.clear()
    trained(store, "old")
    assert all(map(store.is_done, of_round))
    trained(store, "new")
    assert "and round 1 made anew" in warnings[0]
    assert evaluation not in store.evaluations()
    assert not any(map(store.is_done, of_round))
    assert all(map(store.is_done, others))


@pytest.mark.parametrize("name", [EPISODES, "tasks/test.jsonl"])
def test_tasks_that_other_evaluations_are_on_stay_while_they_are_whole(
    store: RunFolder, name: str
) -> None:
    tasks = (store.folder / "tasks/test.jsonl").read_text()
    (store.folder / name).write_text("{}\n")
    store.clear_damaged(EVALUATED)
    assert not store.has("done/evaluate-sft-on-test.json")
    if name == EPISODES:
        assert (store.folder / "tasks/test.jsonl").read_text() == tasks
    else:
        assert not store.has(name)


def test_no_name_of_a_folder_or_station_is_too_odd_a_number(store: RunFolder) -> None:
    for odd in ("\u00b2", "9" * 200, "-1", "1.5"):
        (store.folder / "rounds" / odd).mkdir(parents=True)
        (store.folder / "rounds" / odd / "discovery.json").write_text("{}")
    assert store.rounds() == [1]
    long = "9" * 5000
    for text in (f"discover {long}", f"train rl-{long}", f"train rl-1/step-{long}", "\u00b2"):
        station = StationName(text)
        assert (station.round, station.kind) is not None
        assert ArmName(text).round == ArmName(text).step == 0


@pytest.mark.parametrize("text", ["{}", "[]", "3", "null", '{"blame": 3}', "[" * 99_999, "\xff"])
def test_a_summary_of_blame_that_is_damaged_is_named(store: RunFolder, text: str) -> None:
    path = store.folder / "evals" / "sft-test" / "blame.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"blame\.json"):
        current_report(store)


def test_an_error_of_reading_names_the_file_and_the_line(store: RunFolder) -> None:
    long = '{"n": ' + "9" * 5000 + "}"
    for line in ("[" * 99_999, long, "[]", "3", '"', "\udc80"):
        path = store.folder / "rows.jsonl"
        path.write_bytes(f'{{"n": 1}}\n{line}\n'.encode(errors="surrogateescape"))
        if line != long:
            with pytest.raises(RunError, match=r"rows\.jsonl, line 2") as raised:
                store.read_rows("rows.jsonl")
            assert raised.value.hint
    path.unlink()
    path.mkdir()
    with pytest.raises(RunError, match=r"rows\.jsonl"):
        store.read_rows("rows.jsonl")
