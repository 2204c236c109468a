"""A plugin can be tried on a run there is, wrap another one, and keep files in the run folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
EVAL = ("eval", "--domain", "retail", "--policy", "noisy:0.5", "--split", "validation")
SIZES = ("--tasks", 6, "--trials", 1)

PLUGIN = """
from dataclasses import dataclass, field
from pathlib import Path

from harness.assembly.config import read_options
from harness.hookspecs import hookimpl
from harness.types import Diagnosis


@dataclass(frozen=True)
class Options:
    wraps: str = "rules"
    says: str = "mine"


class Keeper:
    def __init__(self, inner, folder, says):
        self.inner, self.folder, self.says = inner, folder, says

    async def diagnose(self, failure, domain):
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "read.txt").open("a") as file:
            file.write(f"{self.says}\\n")
        return await self.inner.diagnose(failure, domain)


def keeper(settings):
    options = read_options(Options, settings, name="keeper")
    return Keeper(settings.inner("judge", options.wraps), settings.folder, options.says)


class Injector:
    def __init__(self, inner):
        self.inner = inner

    def inject(self, *given, **named):
        Path("injected.txt").touch()
        return self.inner.inject(*given, **named)


class Clusterer:
    def __init__(self, inner):
        self.inner, self.method = inner, "wrapped"

    def cluster(self, *given, **named):
        return self.inner.cluster(*given, **named)


class Listener:
    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.file = folder / "events.txt"

    def notify(self, event):
        with self.file.open("a") as file:
            file.write(f"{event.name}\\n")


def breaks(settings):
    raise ValueError("no such clusterer")


@hookimpl
def harness_judges():
    return {"keeper": keeper}


@hookimpl
def harness_task_injectors():
    return {"wrapping": lambda s: Injector(s.inner("task injector", "template"))}


@hookimpl
def harness_clusterers():
    return {
        "wrapping_clusterer": lambda s: Clusterer(s.inner("clusterer", "faiss")), "breaks": breaks,
    }


@hookimpl
def harness_observers():
    return {"listener": lambda settings: Listener(settings.folder)}
"""


@pytest.fixture
def run(cli: Cli, stranger: Callable[[str, str], None]) -> Path:
    """An evaluation, and the plugin is installed."""
    stranger("harness_tried", PLUGIN)
    assert cli(*EVAL, *SIZES, "--out", "run").status == 0
    return Path("run")


def config(run: Path) -> Any:
    return json.loads((run / "config.json").read_text())


def test_a_judge_is_tried_on_a_run_and_keeps_files_in_it(cli: Cli, run: Path) -> None:
    assert cli("discover", run).status == 0
    outcome = cli("discover", run, "--judge", "keeper", "--option", "keeper.says=hello")
    assert outcome.status == 0
    said = (run / "plugins" / "judge" / "keeper" / "read.txt").read_text().splitlines()
    assert set(said) == {"hello"}
    assert config(run)["judge"] == "keeper"
    assert config(run)["options"]["keeper"] == {"says": "hello"}
    assert "sft" in config(run)["options"]


def test_a_clusterer_is_tried_on_a_run(cli: Cli, run: Path) -> None:
    outcome = cli("discover", run, "--clusterer", "wrapping_clusterer")
    assert outcome.status == 0
    assert json.loads((run / "rounds/1/discovery.json").read_text())["method"] == "wrapped"


def test_an_injector_is_tried_on_a_run_that_has_tasks(cli: Cli, run: Path) -> None:
    cli("discover", run)
    assert cli("inject", run, "--count", 3).status == 0
    before = len(cli("tasks", run, "--json").json["tasks"])
    assert cli("inject", run, "--count", 3, "--injector", "wrapping").status == 0
    assert Path("injected.txt").exists()
    assert len(cli("tasks", run, "--json").json["tasks"]) > before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["discover", "run", "--judge", "kepeer"], "Did you mean 'keeper'?"),
        (["discover", "run", "--clusterer", "breaks"], "no such clusterer"),
        (["discover", "run", "--option", "keeper.says=x"], "is not used by this configuration"),
        (["discover", "run", "--option", "faiss.nix=1"], "no option 'nix'"),
        (["inject", "run", "--option", "template.nix=1"], "no option 'nix'"),
        (["train", "run", "--trainer", "gpro"], "Did you mean 'grpo'?"),
        (["train", "run", "--option", "grpo.nix=1"], "no option 'nix'"),
        (["train", "run", "--option", "warm_start.nix=1"], "no option 'nix'"),
        (["train", "run", "--option", "extra_writes.nix=1"], "no option 'nix'"),
    ],
)
def test_what_does_not_fit_is_said_and_not_kept(
    cli: Cli, run: Path, words: list[str], said: str
) -> None:
    before = config(run)
    outcome = cli(*words)
    assert outcome.status == 1
    assert said in outcome.err
    assert config(run) == before


def test_a_product_that_wraps_itself_is_said_to(cli: Cli, run: Path) -> None:
    outcome = cli("discover", run, "--judge", "keeper", "--option", "keeper.wraps=keeper")
    assert outcome.status == 1
    assert "the judge 'keeper' wraps itself" in outcome.err


def test_an_evaluation_takes_the_judge_of_assertions(cli: Cli, run: Path) -> None:
    words = [*EVAL, *SIZES, "--judge", "keeper", "--dry-run", "--json"]
    assert cli(*words).json["settings"]["judge"] == "keeper"


def events(folder: str) -> list[str]:
    return (Path(folder) / "plugins/observer/listener/events.txt").read_text().splitlines()


def test_observers_hear_that_an_evaluation_starts_and_ends(
    cli: Cli, stranger: Callable[[str, str], None]
) -> None:
    stranger("harness_tried", PLUGIN)
    assert cli(*EVAL, *SIZES, "--observers", "listener", "--out", "run").status == 0
    heard = events("run")
    assert heard[:2] == ["run_opened", "run_started"]
    assert heard[-2:] == ["run_finished", "run_closed"]


def test_observers_hear_that_sft_starts_and_ends(
    cli: Cli, stranger: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger("harness_tried", PLUGIN)
    for station in ("bootstrap", "imitate"):
        monkeypatch.setattr(f"harness.loop.{station}", lambda parts, store: None)
    words = ["sft", "--domain", "retail", "--preset", "quick", "--observers", "listener"]
    assert cli(*words, "--out", "run").status == 0
    assert events("run") == ["run_opened", "run_started", "run_finished", "run_closed"]


def test_what_a_product_wrote_before_a_failed_start_is_gone(
    cli: Cli, stranger: Callable[[str, str], None]
) -> None:
    source = (
        PLUGIN
        + """

@hookimpl
def harness_user_simulators():
    def eager(settings):
        settings.folder.mkdir(parents=True)
        (settings.folder / "log.txt").touch()
        return settings.inner("user simulator", "scripted")

    return {"eager": eager}
"""
    )
    stranger("harness_tried", source)
    words = [*EVAL, "--trials", 1, "--simulator", "eager", "--out", "run"]
    assert cli(*words, "--tasks", 2).status == 0
    assert Path("run/plugins/user-simulator/eager/log.txt").exists()
    assert cli(*words[:-1], "other", "--policy", "nix", "--tasks", 2).status == 1
    assert not Path("other").exists()
