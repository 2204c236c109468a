"""What tests of chat models share: a provider on loopback that its SDK is sent to."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.assembly.config import LoopConfig
from harness.assembly.registry import Registry
from harness.cli import main
from harness.llm.gateway import Gateway
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply, Wire

Answer = Callable[[Asked], Reply]
KEY = "canary-key-5f2c9a71d0"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Wire, Answer], ChatServer]]:
    """Starts a provider on loopback; the environment sends its SDK there, with a key of its own."""
    with ExitStack() as stack:

        def start(wire: Wire, answer: Answer) -> ChatServer:
            server = stack.enter_context(ChatServer(wire, answer))
            for name, value in server.environment(KEY).items():
                monkeypatch.setenv(name, value)
            return server

        yield start


@pytest.fixture(scope="session")
def registry() -> Registry:
    """Everything that is installed."""
    return open_registry()


@pytest.fixture
def calls(registry: Registry) -> Callable[..., Gateway]:
    """The way to all installed chat models, by settings; quick to try again and without a cache
    unless told otherwise.
    """

    def make(**settings: object) -> Gateway:
        options = {"first_pause": 0.001, "longest_pause": 0.01, **settings.pop("options", {})}
        config = LoopConfig(**{"cache": "off", "options": {"calls": options}, **settings})
        return Gateway(
            lambda spec: registry.make("chat model", spec, Settings()),
            config,
            lambda spec: registry.plugin_of("chat model", spec),
        )

    return make


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Outcome]:
    """Call `harness` with these words in this process, in an empty folder and with an empty
    cache.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("HARNESS_TRACEBACK", raising=False)

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, words)])
        capsys.readouterr()
        status = 0
        try:
            main()
        except SystemExit as left:
            status = int(left.code or 0)
        written = capsys.readouterr()
        return Outcome(status=status, out=written.out, err=written.err)

    return run


OF_ONE_RUN = {"calls.json", "report.json", "timings.jsonl"}
"""What was asked in this run, and how long it took: no artifacts."""


@pytest.fixture
def differing() -> Callable[[Path, Path], list[str]]:
    """Which files of two run folders are not there in both with the same bytes, besides what is of
    one run only.
    """

    def differ(one: Path, two: Path) -> list[str]:
        names = {
            str(path.relative_to(folder))
            for folder in (one, two)
            for path in folder.rglob("*")
            if path.is_file() and path.name not in OF_ONE_RUN
        }
        return sorted(name for name in names if _bytes(one / name) != _bytes(two / name))

    return differ


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
