"""A key that a provider echoes, wherever it does, is on no disk and on no screen."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply, Wire

KEY = "canary-key-5f2c9a71d0e8b364"
VARIANTS = {"as it is": KEY, "with a line end": f"{KEY}\r\n", "in white space": f" \t{KEY} \n"}
WIRES = get_args(Wire)
POSITIONS = 39
"""Of a key in an answer, at least."""

SETTINGS = """
preset = "quick"
message_limit = 8
max_errors = 100
[options.calls]
retries = 0
[options.fork]
concurrency = 8
"""

Command = Callable[..., Any]
Serve = Callable[..., ChatServer]


def _module(name: str) -> Any:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ECHOES = _module("echoes")


def leaks(*places: Path, screen: str) -> Iterator[str]:
    """Where eight characters of the key in a row can be read."""
    parts = [KEY[at : at + 8] for at in range(len(KEY) - 7)]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    texts = {str(path): path.read_bytes().decode("latin-1") for path in files}
    for name, text in {**texts, "screen": screen}.items():
        if found := [part for part in parts if part in text]:
            at = text.index(found[0])
            yield f"{name}: {text[max(0, at - 100) : at + 50]!r}"


def converse(
    command: Command, tmp_path: Path, wire: Wire, role: str, tasks: int = 30, trials: int = 8
) -> Any:
    Path("settings.toml").write_text(SETTINGS)
    words = ["--policy", "noop"] if role == "simulator" else []
    return command(
        "eval", "--domain", "retail", "--config", "settings.toml", f"--{role}", wire, *words,
        "--tasks", tasks, "--trials", trials, "--out", tmp_path / "run",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("key", "role"),
    [*((key, "policy") for key in VARIANTS.values()), (f"{KEY}\r\n", "simulator")],
    ids=[*VARIANTS, "as the user"],
)
@pytest.mark.parametrize("wire", WIRES)
def test_no_echo_of_a_key_is_kept_or_shown(
    command: Command, serve: Serve, tmp_path: Path, wire: Wire, key: str, role: str
) -> None:
    waiting = list(ECHOES.echoes(wire, KEY))
    assert len(waiting) >= POSITIONS

    def answer(asked: Asked) -> Reply:
        return waiting.pop() if waiting else Reply(stop="refusal")

    serve(wire, answer, key)
    done = converse(command, tmp_path, wire, role)
    assert done.status == 0, done.err[-3000:]
    assert not waiting, f"{len(waiting)} places were not tried"
    found = [*leaks(tmp_path, screen=done.out + done.err)]
    assert not found, "\n".join(found)


def test_no_warning_of_an_sdk_shows_a_key(serve: Serve, tmp_path: Path) -> None:
    """In a process of its own, where nobody catches warnings and logs; this SDK has both."""
    wire: Wire = "gemini"
    waiting = list(ECHOES.echoes(wire, KEY))
    serve(wire, lambda asked: waiting.pop() if waiting else Reply(stop="refusal"), KEY)
    (tmp_path / "settings.toml").write_text(SETTINGS)
    words = ("--policy", wire, "--tasks", "30", "--trials", "8", "--out", str(tmp_path / "run"))
    done = subprocess.run(
        [sys.executable, "-m", "harness", "eval", "--config", "settings.toml", *words],
        cwd=tmp_path,
        env={**os.environ, "HARNESS_CACHE_DIR": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert not waiting
    assert not [*leaks(tmp_path, screen=done.stdout + done.stderr)]


@pytest.mark.parametrize("wire", WIRES)
def test_no_error_that_stops_a_run_shows_a_key(
    command: Command, serve: Serve, tmp_path: Path, wire: Wire
) -> None:
    for number, reply in enumerate(ECHOES.fatal(KEY)):
        serve(wire, lambda asked, reply=reply: reply, f"{KEY}\r\n")
        done = converse(command, tmp_path / str(number), wire, "policy", tasks=1, trials=1)
        assert done.status == 1
        found = [*leaks(tmp_path, screen=done.out + done.err)]
        assert not found, "\n".join(found)


def test_the_cache_of_answers_is_its_owners_alone(
    command: Command, serve: Serve, tmp_path: Path
) -> None:
    old = tmp_path / "cache" / "chat.sqlite"
    old.parent.mkdir()
    old.touch(0o644)
    serve("openai", lambda asked: Reply(text="Bye. ###STOP###"), KEY)
    assert converse(command, tmp_path, "openai", "policy", tasks=1, trials=1).status == 0
    for path in old.parent.glob("chat.sqlite*"):
        assert path.stat().st_mode & 0o777 == 0o600
