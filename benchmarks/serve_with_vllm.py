"""Serve a model folder with vLLM and compare its tokens and log-probabilities with ours.

    python benchmarks/serve_with_vllm.py FOLDER --vllm-python VLLM_ENV/bin/python [--json]

vLLM lives in an environment of its own (`docs/models.md` says how to make one for a CPU); this
script starts its server on the loopback interface and ends it. Both sides compute in float32. The
prompts are the beginnings of conversations on held-out tasks, up to the agent's first turn.

greedy_equal: share of prompts for which both say the same tokens at temperature 0.
logprob_gap: largest difference between the log-probabilities (nats) that both give our tokens.
prompts_equal: share of prompts that the server makes of the messages as we do; None where the
folder has a codec of ours, which no server knows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.llm.roles import open_registry
from harness.protocols import Conversation, Settings, TurnTokens
from harness.types import Message

STARTUP_SECONDS = 900
MODEL = "checkpoint"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """The beginning of a conversation, and our greedy turn after it."""

    conversation: Conversation
    tokens: TurnTokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="A Hugging Face folder, such as a checkpoint.")
    parser.add_argument("--vllm-python", required=True, help="The Python that can import vllm.")
    parser.add_argument("--domain", default="retail", help="Where the prompts come from.")
    parser.add_argument("--prompts", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=32, help="At most so many in a turn.")
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    arguments = parser.parse_args()
    ours = openings(arguments.folder, arguments.domain, arguments.prompts, arguments.tokens)
    longest = max(len(one.tokens.context) for one in ours) + arguments.tokens + 1
    started = time.perf_counter()
    with served(arguments.folder, arguments.vllm_python, longest) as url:
        figures = {
            "startup_s": round(time.perf_counter() - started, 1),
            **compared(url, ours, has_codec=(arguments.folder / "codec.json").is_file()),
        }
    if arguments.json:
        print(json.dumps(figures, indent=2, allow_nan=False))
        return
    for name, value in figures.items():
        print(f"{name:16} {value}")


def openings(folder: Path, domain_name: str, count: int, tokens: int) -> list[Opening]:
    """The greeting and the user's first words on ``count`` tasks, each with our turn."""
    registry = open_registry()
    domain = registry.make("domain", domain_name, Settings())
    user = registry.make("user simulator", "scripted", Settings(domain=domain))
    options = {"temperature": 0, "max_new_tokens": tokens, "device": "cpu", "dtype": "float32"}
    policy = registry.make("policy", f"path:{folder}", Settings(domain=domain, options=options))

    async def opened(number: int) -> Opening:
        task = domain.tasks("test")[number]
        greeting = Message(role="assistant", content=domain.greeting)
        start = Conversation(id=str(number), domain=domain, task=task, messages=(greeting,))
        said = await user.reply(task, start, seed=number)
        messages = (greeting, said.message)
        talk = Conversation(id=str(number), domain=domain, task=task, messages=messages)
        turn = await policy.act(talk, seed=0)
        policy.forget(talk.id)
        assert turn.tokens is not None
        return Opening(conversation=talk, tokens=turn.tokens)

    return [asyncio.run(opened(number)) for number in range(count)]


@contextmanager
def served(folder: Path, python: str, length: int) -> Iterator[str]:
    """The address of a vLLM server of the folder; it ends with the context."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(python, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)),
        *("--served-model-name", MODEL, "--dtype", "float32", "--max-model-len", str(length)),
        *("--host", "127.0.0.1", "--port", str(port), "--max-num-seqs", "4", "--enforce-eager"),
    ]
    settings = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **settings}
        )
        url = f"http://127.0.0.1:{port}"
        try:
            if not answers(server, url):
                log.seek(0)
                sys.exit("vLLM did not start; the end of its log:\n" + log.read()[-3000:])
            yield url
        finally:
            server.terminate()
            server.wait(timeout=60)


def answers(server: subprocess.Popen[bytes], url: str) -> bool:
    """Whether the server answers before it dies or the patience ends."""
    for _ in range(STARTUP_SECONDS):
        if server.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    return False


def compared(url: str, ours: Sequence[Opening], *, has_codec: bool) -> dict[str, Any]:
    """The figures, over all openings."""
    equal = prompts = made = 0
    gap = 0.0
    started = time.perf_counter()
    for one in ours:
        said = completion(url, one.tokens.context, max_tokens=len(one.tokens.sampled))
        made += len(said["token_ids"])
        equal += said["token_ids"] == list(one.tokens.sampled)
    seconds = time.perf_counter() - started
    for one in ours:
        whole = [*one.tokens.context, *one.tokens.sampled]
        read = completion(url, whole, max_tokens=1, prompt_logprobs=0)["prompt_logprobs"]
        pairs = zip(one.tokens.sampled, one.tokens.logprobs, strict=True)
        for place, (token, logprob) in enumerate(pairs, start=len(one.tokens.context)):
            gap = max(gap, abs(read[place][str(token)]["logprob"] - logprob))
        prompts += not has_codec and tokenized(url, one.conversation) == list(one.tokens.context)
    return {
        "prompts": len(ours),
        "prompt_tokens": sum(len(one.tokens.context) for one in ours),
        "tokens": sum(len(one.tokens.sampled) for one in ours),
        "greedy_equal": equal / len(ours),
        "logprob_gap": round(gap, 7),
        "prompts_equal": None if has_codec else prompts / len(ours),
        "vllm_tokens_per_s": round(made / seconds, 2),
    }


def completion(url: str, ids: Sequence[int], **options: int) -> dict[str, Any]:
    """The server's greedy continuation of the ids."""
    request = {"prompt": list(ids), "temperature": 0, "return_token_ids": True, **options}
    choice: dict[str, Any] = post(f"{url}/v1/completions", request)["choices"][0]
    return choice


def tokenized(url: str, talk: Conversation) -> list[int]:
    """The ids that the server makes of the messages with the folder's chat template."""
    system = {"role": "system", "content": talk.domain.policy}
    messages = [system, *({"role": m.role, "content": m.content} for m in talk.messages)]
    tools = [tool.schema() for tool in talk.domain.tools]
    ids: list[int] = post(f"{url}/tokenize", {"messages": messages, "tools": tools})["tokens"]
    return ids


def post(url: str, body: dict[str, Any]) -> Any:
    data = json.dumps({"model": MODEL, **body}).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
