"""Trackers as observers: what each keeps of a run is read back by its own library."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.registry import Registry
from harness.errors import ConfigError, MissingExtra
from harness.protocols import Event, Settings
from harness_trackers.tracking import COLUMNS, Options, Run, TrackingObserver

NAMES = tuple(name for name in ("wandb", "mlflow", "tensorboard", "trackio") if find_spec(name))
SECRET = "sk-none-may-see-this-0123456789"

DRIVER = """
import sys
from harness.cli import main
from harness.llm.roles import open_registry
from harness.protocols import Event, Settings

def harness(*words):
    sys.argv = ["harness", *words]
    try:
        main()
    except SystemExit as left:
        assert not left.code, words

names = sys.argv[1]
words = ["--policy", "noisy:0.6", "--split", "validation", "--tasks", "4", "--trials", "2"]
harness("eval", *words, "--observers", names, "--out", "run")
harness("discover", "run")
harness("report", "run")
registry = open_registry()
steps = [{"step": 1, "loss": 0.5, "signs": {}}, {"step": 2, "loss": float("nan"), "reward": 0.25}]
for name in names.split(","):
    observer = registry.make("observer", name, Settings())
    observer.notify(Event(name="run_opened", data={"run": "run"}))
    for metrics in steps:
        told = {"station": "train rl-1", "steps": 2, **metrics}
        observer.notify(Event(name="train_step", data=told))
    observer.notify(Event(name="run_closed", data={"run": "run"}))
"""


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that all installed trackers saw: evaluated, discovered, and two steps of training."""
    if not NAMES:
        pytest.skip("no tracker is installed")
    folder = tmp_path_factory.mktemp("tracked")
    outside = ("WANDB_", "MLFLOW_", "TRACKIO_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(outside)}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, ",".join(NAMES)],
        cwd=folder, env={**environment, "EXAMPLE_API_KEY": SECRET},
        capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "trackio" not in done.stdout.lower(), "standard output is for the report"
    return folder / "run"


@pytest.fixture
def passes(tracked: Path) -> dict[str, float]:
    """Pass^k of the report, by the names that trackers have."""
    report = json.loads((tracked / "report.json").read_text())
    [row] = report["validation"]
    ends = {"value": "", "low": "_low", "high": "_high"}
    return {
        f"eval/policy-validation/pass_{k}{ends[end]}": value
        for k, interval in row["pass"].items()
        for end, value in interval.items()
    }


def patterns(run: Path) -> list[list[Any]]:
    report = json.loads((run / "report.json").read_text())
    return [
        [seen["round"], p["id"], p["name"], p["family"], seen["count"], seen["share"]]
        for p in report["patterns"]
        for seen in p["rounds"]
    ]


def test_no_tracker_keeps_a_secret_and_none_makes_the_folder_unsafe(tracked: Path) -> None:
    folders = (tracked / "trackers", tracked.parent / "wandb")
    kept = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(kept) >= len(NAMES)
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]
    done = subprocess.run(
        [sys.executable, "-m", "harness", "show", tracked], capture_output=True, timeout=100
    )
    assert done.returncode == 0, done.stderr


def test_tensorboard_reads_its_event_files(tracked: Path, passes: Mapping[str, float]) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(tracked / "trackers" / "tensorboard"))
    found.Reload()
    tags = found.Tags()["tensors"]
    assert {name: number(found, name) for name in passes} == pytest.approx(passes, abs=1e-4)
    losses = [(e.step, e.tensor_proto.float_val[0]) for e in found.Tensors("train/rl-1/loss")]
    assert losses == [(1, 0.5)]
    assert "train/rl-1/reward" in tags
    [config, *_] = found.Tensors("config")
    assert '"policy": "noisy:0.6"' in config.tensor_proto.string_val[0].decode()
    table = found.Tensors("patterns")[-1].tensor_proto.string_val[0].decode()
    assert all(row[1] in table for row in patterns(tracked))


def number(found: Any, tag: str) -> float:
    return float(found.Tensors(tag)[-1].tensor_proto.float_val[0])


def test_mlflow_reads_its_files(
    tracked: Path, passes: Mapping[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    from mlflow.tracking import MlflowClient

    client = MlflowClient(tracking_uri=(tracked / "trackers" / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("errata-harness")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert {name: run.data.metrics[name] for name in passes} == pytest.approx(passes)
    history = client.get_metric_history(run.info.run_id, "train/rl-1/loss")
    assert [(m.step, m.value) for m in history] == [(1, 0.5)]
    assert run.data.params["policy"] == "noisy:0.6"
    kept = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert kept == {"report", "patterns.json"}
    [table] = (tracked / "trackers" / "mlflow").rglob("patterns.json")
    assert json.loads(table.read_text()) == {"columns": list(COLUMNS), "data": patterns(tracked)}


READ_TRACKIO = """
import json, trackio
from trackio.sqlite_storage import SQLiteStorage
[run] = trackio.Api().runs("errata-harness")
logs = SQLiteStorage.get_logs("errata-harness", run.name, run_id=run.id)
print("\\n" + json.dumps({"config": run.config, "logs": logs}, default=str))
"""


def test_trackio_reads_its_database(tracked: Path, passes: Mapping[str, float]) -> None:
    pytest.importorskip("trackio")
    folder = (tracked / "trackers" / "trackio").resolve()
    done = subprocess.run(
        [sys.executable, "-c", READ_TRACKIO], capture_output=True, text=True, timeout=200,
        env={**os.environ, "TRACKIO_DIR": str(folder)}, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["config"]["policy"] == "noisy:0.6"
    logged = {name: value for row in found["logs"] for name, value in row.items()}
    assert {name: logged[name] for name in passes} == pytest.approx(passes)
    assert [row["train/rl-1/loss"] for row in found["logs"] if "train/rl-1/loss" in row] == [0.5]
    assert "patterns" in logged


def test_wandb_reads_its_offline_file(tracked: Path, passes: Mapping[str, float]) -> None:
    pytest.importorskip("wandb")
    files = [*(tracked.parent / "wandb").rglob("*.wandb")]
    records = [record for file in files for record in wandb_records(file)]
    logged = {
        "/".join(item.nested_key) or item.key: json.loads(item.value_json)
        for record in records
        if record.WhichOneof("record_type") == "history"
        for item in record.history.item
    }
    assert {name: logged[name] for name in passes} == pytest.approx(passes)
    assert logged["train/rl-1/loss"] == 0.5
    assert logged["patterns/nrows"] == len(patterns(tracked))
    config = {
        item.key or item.nested_key[0]: json.loads(item.value_json)
        for record in records
        if record.WhichOneof("record_type") == "run"
        for item in record.run.config.update
    }
    assert config["policy"] == "noisy:0.6"
    kinds = {record.artifact.type for record in records if record.HasField("artifact")}
    requested = {r.request.log_artifact.artifact.type for r in records if r.HasField("request")}
    assert "report" in kinds | requested


def wandb_records(file: Path) -> Iterator[Any]:
    """The records of a transaction log, by the library's own message type. It is framed as LevelDB
    logs are, after a header of 7 bytes.
    """
    from wandb.proto.wandb_internal_pb2 import Record

    data, place, parts = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        size = int.from_bytes(data[place + 4 : place + 6], "little")
        kind = data[place + 6]
        parts += data[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


# --- without any library


class Kept:
    """A tracker in memory."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.curves: list[tuple[str, dict[str, float], int]] = []
        self.files: list[str] = []
        self.closed = False

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        self.curves.append((group, dict(values), step))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.files.append(name)

    def artifact(self, name: str, path: Path) -> None:
        assert path.exists()
        self.files.append(name)

    def close(self) -> None:
        self.closed = True


def test_a_secret_in_the_settings_is_masked_on_its_way_to_a_tracker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", SECRET)
    settings = {"domain": "retail", "options": {"shop": {"login": f"user:{SECRET}"}}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    opened: list[Kept] = []

    def start(run: Run) -> Kept:
        opened.append(Kept(run))
        return opened[-1]

    observer = TrackingObserver("kept", start, Options())
    observer.notify(Event(name="run_opened", data={"run": str(tmp_path)}))
    observer.notify(Event(name="run_opened", data={"run": str(tmp_path)}))
    first, second = opened
    assert (first.closed, second.closed) == (True, False)
    assert SECRET not in json.dumps(second.run.config)
    assert second.run.config["domain"] == "retail"
    assert first.run.id == second.run.id
    observer.notify(Event(name="run_closed", data={"run": str(tmp_path)}))
    assert second.closed


def test_the_newest_model_is_kept_if_asked_for(tmp_path: Path) -> None:
    for arm in ("base", "sft"):
        model = tmp_path / "checkpoints" / arm / "model"
        model.mkdir(parents=True)
        about = {"id": arm, "policy": "tiny", "path": f"checkpoints/{arm}/model"}
        (model.parent / "checkpoint.json").write_text(json.dumps(about))
    (tmp_path / "report.json").write_text("{}")
    (tmp_path / "config.json").write_text(json.dumps({"domain": "retail", "seed": 0}))
    opened: list[Kept] = []
    observer = TrackingObserver(
        "kept", lambda run: opened.append(Kept(run)) or opened[-1], Options(artifacts="model")
    )  # fmt: skip
    for name in ("run_opened", "run_closed"):
        observer.notify(Event(name=name, data={"run": str(tmp_path)}))
    assert opened[0].files == ["report", "model"]


@pytest.mark.parametrize("name", ["wandb", "mlflow", "tensorboard", "trackio"])
def test_a_tracker_names_bad_options_and_what_it_lacks(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry()
    with pytest.raises(ConfigError, match="projct"):
        registry.make("observer", name, Settings(options={"projct": "x"}))
    monkeypatch.setattr("harness.assembly.extras.find_spec", lambda module: None)
    with pytest.raises(MissingExtra, match=name) as refused:
        registry.make("observer", name, Settings())
    assert "errata-harness[trackers]" in refused.value.hint
