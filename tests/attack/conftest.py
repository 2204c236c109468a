"""What the attacks share: providers on loopback, and the command line in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.cli import main
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply, Wire
from tests.hints import misleading

KEY = "canary-key-5f2c9a71d0"

Serve = Callable[..., ChatServer]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Starts a provider on loopback; the environment sends its SDK there, with this key."""
    with ExitStack() as stack:

        def start(wire: Wire, answer: Callable[[Asked], Reply], key: str = KEY) -> ChatServer:
            server = stack.enter_context(ChatServer(wire, answer))
            for name, value in server.environment(key).items():
                monkeypatch.setenv(name, value)
            return server

        yield start


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Call `harness` with these words in this process, in an empty folder of a user of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HARNESS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("HARNESS_TRACEBACK", raising=False)

    def run(*words: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["harness", *map(str, words)])
        capfd.readouterr()
        status = 0
        try:
            main()
        except SystemExit as left:
            status = int(left.code or 0)
        written = capfd.readouterr()
        assert not misleading(words, written.err), written.err
        return Outcome(status=status, out=written.out, err=written.err)

    return run
