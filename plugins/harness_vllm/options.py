"""The settings of the policy on vLLM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from harness.assembly.config import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from harness.errors import ConfigError

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Sync = Literal["folder", "nccl"]

NCCL_ARGUMENTS = ("--weight-transfer-config", '{"backend": "nccl"}')
"""What a server is started with that gets weights by NCCL."""

_OURS = ("--host", "--port", "--uds", "--logprobs-mode", "--model", "--served-model-name")
_UNSAFE = ("--trust-remote-code", "--trust_remote_code")


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to sample, and on which servers.

    ``model``: the folder with the tokenizer, config and weights of what is behind the addresses.
    ``urls``: further replicas beside that of the policy's argument. ``python``: that of the
    environment with vLLM, for a server that the run starts ("": the run's own), ``arguments`` more
    of its command line, ``port`` 0 a free one. ``dtype``: what servers compute in ("auto": what the
    folder is in).
    ``start_seconds``: how long it may take to start, ``seconds`` an answer, ``tries``: how often a
    turn is asked for, and how often a dead server is started again. ``key_variable``: the
    environment variable with the key that the servers want. ``staging``: a folder that this machine
    and the servers see under the same path, for weights on their way ("": the system's temporary
    one). ``sync``: how a trainer's weights get to servers, by such a "folder", or by "nccl" from
    its GPU to theirs, at addresses alone; adapters always by folder. ``temperature`` 0 is greedy;
    turns are never cut by top_p. Token counts: ``max_new_tokens`` per turn, ``max_context`` per
    conversation (0: the server's limit). ``probe_limit``: how far, in nats, log-probabilities of
    the server may be from those of the weights it should have (0: 0.001 at most in float32, else
    0.1 on average).
    """

    model: str = ""
    urls: tuple[str, ...] = ()
    python: str = ""
    arguments: tuple[str, ...] = ()
    port: NonNegativeInt = 0
    dtype: Dtype = "auto"
    start_seconds: PositiveFloat = 900.0
    seconds: PositiveFloat = 600.0
    tries: PositiveInt = 3
    key_variable: str = ""
    staging: str = ""
    sync: Sync = "folder"
    temperature: NonNegativeFloat = 0.7
    max_new_tokens: PositiveInt = 512
    max_context: NonNegativeInt = 0
    probe_limit: NonNegativeFloat = 0.0


def check_arguments(options: Options) -> None:
    """Raise ``ConfigError`` for an argument of the server that is ours to choose, or runs code that
    comes with a model. Argument parsers take beginnings of a name for the name.
    """
    for argument in options.arguments:
        name = argument.partition("=")[0]
        if len(name) > 2 and any(one.startswith(name) for one in (*_OURS, *_UNSAFE)):
            raise ConfigError(
                f"the argument {argument!r} of the server cannot be chosen",
                hint="Remove it from arguments in [options.vllm]: address, model and kind of "
                "log-probabilities are the policy's, and code of a model is never run.",
            )
