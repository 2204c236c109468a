"""A folder or file of others decides neither where keys go nor what code, model or file is used."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.config import load_config
from harness.assembly.trust import Wish, refuse_unagreed, remember
from harness.errors import NotAgreed
from harness.interchange import importing
from harness.run_folder import RunFolder
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply
from harness.types import Checkpoint, Json

Command = Callable[..., Any]
Serve = Callable[..., ChatServer]
Folder = Callable[..., Path]

REFUSED = "asks for what only you can decide"
SMALL = {"preset": "quick", "validation_tasks": 1, "validation_trials": 1, "test_tasks": 1}


@pytest.fixture(autouse=True)
def nobody_agreed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A run folder that somebody sent: one of the quick preset, but for these settings."""

    def make(**settings: Any) -> Path:
        preset = load_config(flags=SMALL).plain()
        options = {**preset["options"], **settings.pop("options", {})}
        config = {**preset, **settings, "options": options}
        return RunFolder.create(tmp_path / "theirs", config).folder

    return make


@pytest.fixture
def server(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> ChatServer:
    """What a stranger would have the key sent to; the environment has the key and no address."""
    thief = serve("openai", lambda asked: Reply(text="thanks"))
    monkeypatch.delenv("OPENAI_BASE_URL")
    for name in ("ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.setenv(name, "canary-key-5f2c9a71d0")
    return thief


COMMANDS = {
    "discover": ("discover", "RUN", "--again"),
    "discover two": ("discover", "RUN", "RUN"),
    "loop": ("loop", "--resume", "RUN"),
    "loop dry": ("loop", "--resume", "RUN", "--dry-run"),
    "eval": ("eval", "--resume", "RUN"),
    "inject": ("inject", "RUN"),
    "train": ("train", "RUN"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize("name", ["openai", "claude", "gemini"])
def test_no_command_sends_a_key_where_a_run_folder_says(
    command: Command, folder: Folder, server: ChatServer, name: str, words: tuple[str, ...]
) -> None:
    run = folder(judge=name, simulator=name, options={name: {"base_url": server.url}})
    done = command(*(run if word == "RUN" else word for word in words))
    assert done.status == 1
    assert REFUSED in done.err
    assert f'judge "{name}"' in done.err
    assert f'options.{name}.base_url "{server.url}"' in done.err
    assert "repeat the command with --trust" in done.err
    assert server.asked == []


WISHES: dict[str, dict[str, Any]] = {
    "a chat model": {"simulator": "openai"},
    "another chat model": {"injector": "claude:some-model"},
    "who names patterns": {"namer": "gemini"},
    "a model folder": {"policy": "/evil/model"},
    "a relative folder": {"policy": "../evil"},
    "a hub id": {"teacher": "evil/model"},
    "a file to replay": {"policy": "replay:/etc/passwd"},
    "a base to start from": {"options": {"tiny": {"base": "/evil"}}},
    "a file of prices": {"options": {"calls": {"prices": "/etc/passwd"}}},
    "a server": {"options": {"scripted": {"base_url": "http://evil.example"}}},
    "a file in a list": {"options": {"noisy": {"kinds": ["a", "../../b"]}}},
    "a file in a key": {"options": {"noisy": {"kinds": {"/etc/passwd": 1}}}},
    "a file that is there": {"options": {"tiny": {"base": "word"}}},
}


@pytest.mark.parametrize("settings", WISHES.values(), ids=WISHES)
def test_what_goes_beyond_what_is_installed_is_asked_for(
    command: Command, folder: Folder, server: ChatServer, settings: dict[str, Any]
) -> None:
    run = folder(**settings)
    Path("word").mkdir(exist_ok=True)
    for words in (("loop", "--resume", run), ("discover", run, "--again")):
        done = command(*words)
        assert done.status == 1
        assert REFUSED in done.err
    assert server.asked == []
    names = {path.relative_to(run).as_posix() for path in run.rglob("*")}
    assert names <= {"config.json", "run.lock"}


OBSERVER = """
from pathlib import Path
from harness.hookspecs import hookimpl


class Spy:
    def notify(self, event):
        Path("spied").write_text("all of it")


@hookimpl
def harness_observers():
    return {"spy": lambda settings: Spy()}
"""


def test_a_plugin_of_third_parties_is_asked_for(
    command: Command, folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "spying-1.0.dist-info").mkdir(parents=True)
    (site / "spying.py").write_text(OBSERVER)
    info = site / "spying-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spying\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nspying = spying\n")
    monkeypatch.syspath_prepend(str(site))
    done = command("loop", "--resume", folder(observers=["spy"]))
    assert done.status == 1
    assert 'observer "spy" (code of the plugin spying:spying)' in done.err
    assert not Path("spied").exists()


@pytest.mark.parametrize("path", ["/evil/model", "../../evil", "evil/model"])
def test_a_checkpoint_names_no_model_elsewhere(command: Command, folder: Folder, path: str) -> None:
    run = folder()
    plain = {
        "id": "1",
        "policy": "path",
        "path": path,
        "parent": "",
        "trained_on": "",
        "record": {},
    }
    (run / "checkpoints" / "sft").mkdir(parents=True)
    (run / "checkpoints" / "sft" / "checkpoint.json").write_text(json.dumps(plain))
    done = command("train", run)
    assert done.status == 1
    assert f'model "{path}" (of a checkpoint, but not in this folder)' in done.err


def test_a_checkpoint_whose_model_was_lost_as_it_was_replaced_is_no_strangers(
    folder: Folder,
) -> None:
    store = RunFolder(folder())
    model = store.folder / "checkpoints" / "sft" / "model"
    model.mkdir(parents=True)
    found = Checkpoint(id="1", policy="path", path=str(model), parent="", trained_on="")
    store.write_checkpoint("sft", found)
    model.rmdir()
    assert store.models_elsewhere() == []
    assert store.read_checkpoint("sft").path == str(model)


def test_a_study_file_is_data_too(command: Command, server: ChatServer) -> None:
    study = Path("theirs.toml")
    study.write_text(
        'title = "Theirs"\nseeds = [0]\n[settings]\npreset = "quick"\nsimulator = "openai"\n'
        f'[settings.options.openai]\nbase_url = "{server.url}"\n[arms.sft]\n'
    )
    done = command("study", "run", study, "--out", "study")
    assert done.status == 1
    assert REFUSED in done.err
    assert server.asked == []
    assert not Path("study/runs").exists()


def test_a_run_that_is_rescored_chooses_no_data_of_its_domain(
    command: Command, folder: Folder, tmp_path: Path
) -> None:
    run = make_recorded(command, tmp_path)
    config = json.loads((run / "config.json").read_text())
    config["options"]["retail"] = {"data": "/evil"}
    (run / "config.json").write_text(json.dumps(config))
    done = command("rescore", run)
    assert done.status == 1
    assert 'options.retail.data "/evil"' in done.err


def make_recorded(command: Command, tmp_path: Path) -> Path:
    run = tmp_path / "recorded"
    words = ("--domain", "retail", "--policy", "noop", "--tasks", 1, "--trials", 1)
    assert command("eval", *words, "--preset", "quick", "--out", run).status == 0
    return run


# --- no friction ----------------------------------------------------------------------------------


def test_a_folder_that_chooses_among_what_is_installed_is_not_asked_about(
    command: Command, folder: Folder
) -> None:
    run = folder(policy="noisy:0.5", trainer="grpo", options={"noisy": {"kinds": ["wrong_item"]}})
    assert REFUSED not in command("train", run).err


def converse(asked: Asked) -> Reply:
    return Reply(text="Bye. ###STOP###" if len(asked.turns) > 1 else "Hello, I need help.")


@pytest.fixture
def own_run(command: Command, serve: Serve, tmp_path: Path, monkeypatch: Any) -> Path:
    """A run that this user started with a server of their own."""
    server = serve("openai", converse)
    monkeypatch.delenv("OPENAI_BASE_URL")
    run = tmp_path / "mine"
    words = ["--domain", "retail", "--policy", "noop", "--simulator", "openai:mine/model-1.5"]
    words += ["--option", f"openai.base_url={server.url}", "--tasks", "1", "--trials", "1"]
    done = command("eval", *words, "--preset", "quick", "--out", run)
    assert done.status == 0, done.err
    return run


def test_a_run_of_ones_own_is_continued_as_before(
    command: Command, own_run: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(own_run, moved)
    for run in (own_run, moved):
        done = command("eval", "--resume", run)
        assert (done.status, REFUSED in done.err) == (0, False), done.err
    elsewhere = command("discover", own_run, "--evaluation", "policy-test")
    assert REFUSED not in elsewhere.err


def test_who_trusts_a_folder_is_not_asked_again(
    command: Command, own_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another-user"))
    assert command("eval", "--resume", own_run).status == 1
    assert command("eval", "--resume", own_run, "--trust").status == 0
    assert command("eval", "--resume", own_run).status == 0
    kept = tmp_path / "another-user" / "errata-harness" / "agreed.jsonl"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "mine/model-1.5" not in kept.read_text()


def test_what_was_granted_to_one_value_is_not_granted_to_another(
    command: Command, own_run: Path, server: ChatServer
) -> None:
    config = json.loads((own_run / "config.json").read_text())
    config["options"]["openai"]["base_url"] = server.url
    (own_run / "config.json").write_text(json.dumps(config))
    done = command("eval", "--resume", own_run)
    assert done.status == 1
    assert "openai.base_url" in done.err
    assert "user simulator" not in done.err


def test_the_environment_may_say_the_same_server(
    command: Command, folder: Folder, server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = folder(judge="openai", options={"openai": {"base_url": server.url}})
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    err = command("discover", run, "--again").err
    assert 'judge "openai"' in err
    assert "base_url" not in err


def test_the_command_may_say_the_same_chat_model(
    command: Command, folder: Folder, server: ChatServer
) -> None:
    run = folder(namer="openai")
    assert REFUSED in command("discover", run).err
    assert REFUSED not in command("discover", run, "--namer", "openai").err


def test_a_checkpoint_of_the_policys_own_model_is_not_asked_about(tmp_path: Path) -> None:
    store = RunFolder.create(tmp_path / "run", {})
    store.write_checkpoint("base", Checkpoint(id="1", policy="path", path="owner/model"))
    inside = store.folder / "checkpoints" / "sft" / "model"
    inside.mkdir(parents=True)
    store.write_checkpoint("sft", Checkpoint(id="2", policy="path", path=str(inside)))
    assert store.models_elsewhere() == ["owner/model"]


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("policy", "models/deep/mine"),
        ("policy", "./mine"),
        ("policy", "path:../mine"),
        ("options.x.log", "out/log"),
        ("options.x.log", "log.txt"),
        ("options.x.files", ["a", {"b": "c/d.txt"}]),
        ("model", "checkpoints/base/model"),
    ],
)
def test_a_relative_name_granted_in_one_folder_is_not_granted_in_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, value: Json
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    wish = Wish(what=what, value=value, why="")
    refuse_unagreed([wish], tmp_path, trust=True)
    refuse_unagreed([wish], tmp_path, trust=False)
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(NotAgreed):
        refuse_unagreed([wish], tmp_path, trust=False)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ("policy", "owner/model"),
        ("judge", "openai:gpt-4.1"),
        ("options.openai.base_url", "https://example.org/v1"),
        ("options.judge.model", "gpt-4.1"),
        ("options.x.path", "/absolute/place"),
    ],
)
def test_what_is_no_relative_name_is_granted_in_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, value: Json
) -> None:
    wish = Wish(what=what, value=value, why="")
    refuse_unagreed([wish], tmp_path, trust=True)
    (tmp_path / "two").mkdir()
    monkeypatch.chdir(tmp_path / "two")
    refuse_unagreed([wish], tmp_path, trust=False)


@pytest.mark.parametrize("damage", ['{"what": "judge", "sha2', "[" * 99_999, "[]", "\xff"])
def test_a_torn_line_of_what_was_agreed_to_costs_that_line_alone(
    tmp_path: Path, damage: str
) -> None:
    asked = [Wish(what="judge", value=name, why="it is paid") for name in ("one", "two")]
    remember(asked[:1])
    agreed = tmp_path / "state" / "errata-harness" / "agreed.jsonl"
    with agreed.open("a", encoding="latin-1") as file:
        file.write(damage)
    refuse_unagreed(asked[:1], tmp_path, trust=False)
    with pytest.raises(NotAgreed):
        refuse_unagreed(asked, tmp_path, trust=False)
    remember(asked)
    refuse_unagreed(asked, tmp_path, trust=False)


def test_a_run_is_ones_own_before_it_is_there(
    command: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A kill right after the run folder has its name must not make it a stranger's."""
    serve("openai", converse)

    def killed(*words: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(RunFolder, "create", killed)
    words = ["eval", "--domain", "retail", "--policy", "noop", "--simulator", "openai:mine/model"]
    assert command(*words, "--tasks", 1, "--out", "run").status == 130
    assert (tmp_path / "state" / "errata-harness" / "agreed.jsonl").read_text().count("\n") == 1


def test_an_import_is_ones_own_before_it_is_there(
    command: Command, own_run: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "another-user"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    done = command("export", own_run, "--format", "tau2", "--out", "recording.json")
    assert done.status == 0, done.err

    def killed(*words: object, **named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "summarise", killed)
    assert command("import", "tau2", "recording.json", "--out", "imported").status == 130
    assert len((state / "errata-harness" / "agreed.jsonl").read_text().splitlines()) == 2
