"""A recording survives its way through files and run folders; what is wrong with it is named."""

import errno
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from harness.assembly.config import load_config, parse_config
from harness.assembly.registry import Offer, Registry
from harness.errors import FormatError, PluginFailed, RunError, UnknownName
from harness.evaluation.station import DATA_VERSION
from harness.interchange.exporting import export_run
from harness.interchange.files import read_source, write_recording
from harness.interchange.replay import Regraded, regrade_all
from harness.interchange.runs import (
    Source,
    imported_config,
    keep,
    open_domain,
    recorded_run,
    settled,
    split_of,
)
from harness.llm.roles import open_registry
from harness.protocols import Settings, TrajectoryFormat
from harness.run_folder import RunFolder
from harness.testing import PlainFormat, check_format
from harness.testing.checks.formats import sample_recording
from harness.types import Diagnosis, Grade, Json, Recording, Score, Split, Task


@pytest.fixture
def registry(plain_format: str) -> Registry:
    return open_registry()


@pytest.fixture
def recording(registry: Registry) -> Recording:
    """Played conversations of the retail domain, as from a file with records of its own."""
    played = in_split(sample_recording(open_domain(registry, "retail"), tasks=2), "test")
    ids = [episode.trajectory.id for episode in played.episodes]
    originals: Mapping[str, Mapping[str, Json]] = {
        id: {"id": id, "termination_reason": "user_waved", "extra": [1, {"n": 0.5}]} for id in ids
    }
    return replace(played, originals=originals, about={"seed": 3, "max_steps": 33, "agent": "x"})


def in_split(recording: Recording, split: Split) -> Recording:
    """The recording as if its tasks were of that split."""
    tasks = {task.id: replace(task, split=split) for task in recording.tasks}
    return replace(
        recording,
        tasks=tuple(tasks.values()),
        episodes=tuple(replace(e, task=tasks[e.task.id]) for e in recording.episodes),
    )


@pytest.fixture
def imported(registry: Registry, recording: Recording, tmp_path: Path) -> RunFolder:
    """A run folder made of the recording."""
    return kept(registry, recording, tmp_path / "run")


def kept(registry: Registry, recording: Recording, folder: Path) -> RunFolder:
    source = Source(recording=recording, path=Path("file.json"), format="plain")
    store = RunFolder.create(folder, imported_config(source).plain())
    domain = open_domain(registry, recording.domain)
    keep(store, source, regrade_all(recording, domain), data_version="v7")
    return store


# --- there and back


def test_what_was_imported_comes_out_of_the_run_folder_as_it_was(
    registry: Registry, recording: Recording, imported: RunFolder
) -> None:
    found = recorded_run(registry, imported)
    assert (found.domain, found.tasks) == (recording.domain, recording.tasks)
    assert [e.trajectory for e in found.episodes] == [e.trajectory for e in recording.episodes]
    assert [e.score.success for e in found.episodes] == [
        e.score.success for e in recording.episodes
    ]
    assert found.about == recording.about
    assert found.originals == recording.originals
    assert found.diagnoses == recording.diagnoses


def test_an_imported_folder_is_a_finished_run_with_the_settings_of_the_file(
    imported: RunFolder,
) -> None:
    assert imported.is_done("evaluate policy on test")
    config = parse_config(imported.config)
    assert config.policy == config.simulator == "replay:file.json"
    assert (config.seed, config.message_limit, config.max_errors) == (3, 33, 10)
    assert (config.test_tasks, config.test_trials) == (2, 6)
    assert imported.read_table(DATA_VERSION) == {"data_version": "v7"}


@pytest.mark.parametrize("about", [{"max_steps": 0}, {"max_errors": -1}, {"temperature": -0.5}])
def test_a_setting_that_no_run_can_have_is_left_out(
    recording: Recording, about: Mapping[str, Json]
) -> None:
    source = Source(recording=replace(recording, about=about), path=Path("f.json"), format="plain")
    usual = Source(recording=replace(recording, about={}), path=Path("f.json"), format="plain")
    assert imported_config(source) == imported_config(usual)


def test_conversations_on_another_split_are_kept_as_such(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    store = kept(registry, in_split(recording, "validation"), tmp_path / "validation")
    assert store.evaluations() == ["policy-validation"]
    assert store.config["validation_tasks"] == 2
    first, second = in_split(recording, "train").tasks[0], recording.tasks[1]
    assert split_of(replace(recording, tasks=(first, second))) == "test"


@pytest.fixture
def own_run(registry: Registry, recording: Recording, tmp_path: Path) -> RunFolder:
    """A run of ours with two evaluations, of which discovery read one, twice."""
    store = RunFolder.create(tmp_path / "own", load_config(flags={"seed": 5}).plain())
    store.write_values("tasks/test.jsonl", Task, recording.tasks)
    store.write_episodes("base-test", recording.episodes[:3])
    store.write_episodes("sft-test", recording.episodes)
    for number in (1, 2, 10):
        source = "base-test" if number == 10 else "sft-test"
        store.write_json(f"rounds/{number}/discovery.json", {"evaluation": source})
        diagnosis = replace(recording.diagnoses[0], summary=f"round {number}")
        store.write_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis, [diagnosis])
    return store


def test_a_run_of_ours_says_what_it_was_made_with(registry: Registry, own_run: RunFolder) -> None:
    about = recorded_run(registry, own_run, "sft-test").about
    expected: Mapping[str, Json] = {
        "domain": "retail", "arm": "sft", "split": "test", "policy": "tiny",
        "simulator": "scripted", "seed": 5, "trials": 6, "max_errors": 10, "data_version": "",
    }  # fmt: skip
    assert {key: about[key] for key in expected} == expected
    assert str(about["domain_policy"]).startswith("# Retail")


def test_the_diagnoses_are_those_of_the_last_round_that_read_the_evaluation(
    registry: Registry, own_run: RunFolder
) -> None:
    [diagnosis] = recorded_run(registry, own_run, "sft-test").diagnoses
    assert diagnosis.summary == "round 2"


def test_an_evaluation_is_chosen_by_name_unless_it_is_the_only_one(
    registry: Registry, own_run: RunFolder, tmp_path: Path
) -> None:
    assert len(recorded_run(registry, own_run, "base-test").episodes) == 3
    with pytest.raises(RunError, match="several evaluations: base-test, sft-test"):
        recorded_run(registry, own_run)
    with pytest.raises(RunError, match=r"no evaluation 'rl-1-test' \(it has base-test, sft-test\)"):
        recorded_run(registry, own_run, "rl-1-test")
    empty = RunFolder.create(tmp_path / "empty", load_config().plain())
    with pytest.raises(RunError, match="has no evaluation yet"):
        recorded_run(registry, empty)


def test_the_evaluation_of_a_warm_start_is_exported_to_a_file_beside_the_others(
    registry: Registry, own_run: RunFolder
) -> None:
    base = own_run.read_episodes("base-test", recorded_run(registry, own_run, "base-test").tasks)
    own_run.write_episodes("rl-1/warm-test", base)
    path = export_run(registry, own_run, "plain", evaluation="rl-1/warm-test", warn=print)
    assert path == own_run.folder / "exports" / "plain-rl-1-warm-test.json"
    assert len(read_source(registry, path).recording.episodes) == 3


def test_an_evaluation_without_conversations_is_not_exported(
    registry: Registry, own_run: RunFolder
) -> None:
    own_run.write_episodes("rl-1-test", [])
    with pytest.raises(RunError, match="has no conversations"):
        recorded_run(registry, own_run, "rl-1-test")


# --- which grade stands


def test_a_new_grade_replaces_the_recorded_one_and_no_grade_does_not(recording: Recording) -> None:
    episode = replace(recording.episodes[0], score=Score(success=False, total=0.25))
    regraded = Regraded(episode=episode, replayed=True, grade=Grade(success=True))
    assert settled(regraded).score == Score(success=True, total=1.0)
    assert settled(Regraded(episode=episode, replayed=False, problem="?")) == episode


def test_what_nobody_could_decide_is_kept_as_not_gradeable(recording: Recording) -> None:
    for grade in (
        Grade(success=True, unjudged=("It is polite.",)),
        Grade(success=True, ungradeable="nobody can say"),
    ):
        left = settled(
            Regraded(episode=recording.episodes[0], replayed=True, grade=grade, problem="?")
        )
        assert (left.uncounted, left.score.success) == ("not_gradeable", False)


# --- files


def test_a_file_is_read_by_the_format_that_recognises_it(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "folder" / "file.json"
    write_recording(registry, recording, "plain", path)
    source = read_source(registry, path)
    assert (source.format, source.recording) == ("plain", recording)


def test_a_run_folder_is_read_with_the_options_it_was_made_with(
    registry: Registry, own_run: RunFolder
) -> None:
    table = {"retail": {"compat": "tau2"}}
    own_run.write_json("config.json", {**own_run.config, "options": table})
    source = read_source(registry, own_run.folder, evaluation="base-test")
    assert (source.format, source.options) == ("run", table)
    assert len(source.recording.episodes) == 3


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"PK\x03\x04\xff", "a file that starts with 'PK"),
        (b'{"some": "JSON"}', 'starts with \'{"some"'),
    ],
)
def test_a_file_of_no_known_type_is_described(
    registry: Registry, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="no installed format recognises") as caught:
        read_source(registry, path)
    assert words in str(caught.value)
    assert "plain" in str(caught.value)


def test_missing_and_empty_paths_are_named(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="nowhere does not exist"):
        read_source(registry, tmp_path / "nowhere")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FormatError, match="is an empty folder"):
        read_source(registry, tmp_path / "folder")
    (tmp_path / "folder" / "notes.txt").write_text("x")
    with pytest.raises(FormatError, match=r"is a folder with notes\.txt"):
        read_source(registry, tmp_path / "folder")


def test_a_file_has_no_evaluations(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    write_recording(registry, recording, "plain", tmp_path / "file")
    with pytest.raises(RunError, match="not a run folder"):
        read_source(registry, tmp_path / "file", evaluation="sft-test")


def test_a_recording_without_conversations_is_refused(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    write_recording(registry, replace(recording, episodes=()), "plain", tmp_path / "file")
    with pytest.raises(FormatError, match="holds no conversations"):
        read_source(registry, tmp_path / "file")


class Variant(PlainFormat):
    """The plain format, but for one habit."""

    def __init__(self, *, forgets: str = "", raises: Exception | None = None) -> None:
        self.forgets = forgets
        self.raises = raises

    def read(self, path: Path) -> Recording:
        if self.raises is not None:
            raise self.raises
        found = super().read(path)
        if self.forgets == "tasks":
            return replace(found, tasks=found.tasks[1:])
        if self.forgets == "conversations":
            return replace(found, episodes=found.episodes[1:])
        return replace(found, diagnoses=()) if self.forgets == "diagnoses" else found

    def recognises(self, path: Path) -> bool:
        return self.forgets == "caution" or super().recognises(path)

    def write(self, recording: Recording, path: Path) -> None:
        if isinstance(self.raises, OSError):
            raise self.raises
        if self.forgets == "writing":
            raise FormatError("this format can only be read", hint="Choose another one.")
        super().write(recording, path)


def offer(registry: Registry, name: str, product: TrajectoryFormat) -> None:
    def factory(settings: Settings) -> TrajectoryFormat:
        return product

    registry.offers["format"][name] = Offer(
        kind="format", name=name, plugin="variant", factory=factory
    )


def test_a_conversation_on_a_task_that_is_not_there_is_named(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    write_recording(registry, recording, "plain", tmp_path / "file")
    offer(registry, "forgetful", Variant(forgets="tasks"))
    with pytest.raises(FormatError, match="conversation 0 is on the task") as caught:
        read_source(registry, tmp_path / "file", format="forgetful")
    assert recording.tasks[0].id in str(caught.value)


def test_two_formats_that_recognise_a_file_leave_the_choice_to_the_user(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    write_recording(registry, recording, "plain", tmp_path / "file")
    offer(registry, "other", Variant())
    with pytest.raises(FormatError, match="several formats: other, plain"):
        read_source(registry, tmp_path / "file")
    assert read_source(registry, tmp_path / "file", format="other").format == "other"


def test_a_format_that_cannot_write_says_so(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    offer(registry, "mute", Variant(forgets="writing"))
    with pytest.raises(FormatError, match="can only be read"):
        write_recording(registry, recording, "mute", tmp_path / "file")
    with pytest.raises(UnknownName, match="no format is called 'plane'"):
        write_recording(registry, recording, "plane", tmp_path / "file")


def test_a_format_that_breaks_is_named_and_a_file_that_cannot_be_read_too(
    registry: Registry, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    offer(registry, "broken", Variant(raises=KeyError("oops")))
    with pytest.raises(PluginFailed, match="KeyError"):
        read_source(registry, tmp_path / "file", format="broken")
    locked = PermissionError(13, "Permission denied", tmp_path / "file")
    offer(registry, "locked", Variant(raises=locked))
    with pytest.raises(FormatError, match=r"cannot read .*Permission denied"):
        read_source(registry, tmp_path / "file", format="locked")


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full"), PermissionError(errno.EACCES, "denied", "out/file.part")],
)
def test_an_error_of_the_disk_is_said_of_the_file_that_a_format_writes(
    registry: Registry,
    recording: Recording,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: OSError,
) -> None:
    monkeypatch.chdir(tmp_path)
    offer(registry, "full", Variant(raises=error))
    with pytest.raises(RunError, match=str(tmp_path / "out" / "file")):
        write_recording(registry, recording, "full", tmp_path / "out" / "file")


def test_an_error_of_something_else_that_a_format_uses_is_the_plugins(
    registry: Registry, recording: Recording, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    elsewhere = FileNotFoundError(errno.ENOENT, "No such file", "/nowhere/schema.json")
    for error in (refused, elsewhere):
        offer(registry, "remote", Variant(raises=error))
        with pytest.raises(PluginFailed, match=f"variant failed in its writing .*{error.strerror}"):
            write_recording(registry, recording, "remote", tmp_path / "file")
        with pytest.raises(PluginFailed, match=f"variant failed in its reading .*{error.strerror}"):
            read_source(registry, tmp_path / "file", format="remote")


# --- the conformance check for authors of formats


def test_a_complete_format_passes_the_check(registry: Registry, tmp_path: Path) -> None:
    check_format(PlainFormat(), open_domain(registry, "retail"), tmp_path / "file.json")


@pytest.mark.parametrize(
    ("forgets", "sentence"),
    [
        ("tasks", "the tasks come back"),
        ("conversations", "all conversations come back"),
        ("diagnoses", "the diagnoses come back"),
        ("caution", "is not recognised"),
    ],
)
def test_a_format_that_forgets_something_fails_the_check(
    registry: Registry, tmp_path: Path, forgets: str, sentence: str
) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check_format(
            Variant(forgets=forgets), open_domain(registry, "retail"), tmp_path / "file.json"
        )


def test_a_format_that_raises_anything_else_fails_the_check(
    registry: Registry, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match="refused with a FormatError, but it raised KeyError"):
        check_format(
            Variant(raises=KeyError("oops")), open_domain(registry, "retail"), tmp_path / "x.json"
        )


def test_a_format_without_conversations_must_refuse_to_read(
    registry: Registry, tmp_path: Path
) -> None:
    summary = Variant(raises=FormatError("only counts", hint=""))
    domain = open_domain(registry, "retail")
    check_format(summary, domain, tmp_path / "x.json", reads=False)
    (tmp_path / "again").mkdir()
    with pytest.raises(AssertionError, match="refuses to read"):
        check_format(PlainFormat(), domain, tmp_path / "again" / "x.json", reads=False)
