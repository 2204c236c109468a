"""Ask one vLLM server over HTTP, and say in our words what is wrong with its answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from harness.errors import ConfigError, ModelError, ProviderError
from harness_vllm.options import NCCL_ARGUMENTS, Options

COMPLETIONS, TOKENIZE = "/v1/completions", "/tokenize"
RPC, RESET, LORA = "/collective_rpc", "/reset_prefix_cache", "/v1/load_lora_adapter"
UNLOAD = "/v1/unload_lora_adapter"
JOIN, RECEIVE = "/init_weight_transfer_engine", "/update_weights"
PAUSE, RESUME = "/pause", "/resume"
NAME_VERSION, VERSION_NAMED = "/update_weight_version", "/weight_info"

EXACT: Mapping[str, float | int] = {
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "repetition_penalty": 1.0,
}
"""Sent always: else the server follows the generation config of the model, and log-probabilities
would be those of a cut distribution.
"""


class Lost(Exception):
    """No answer, or one with a status of 500 or more: the server may be dead, or busy dying."""


class Replica:
    """A server with one set of weights.

    ``routes`` are its paths, None where it does not list them; ``model`` is the name of what it
    serves, ``answers_to`` that or the adapter's; ``longest`` the limit in tokens of a conversation.
    ``life`` counts how often it gave no answer and was seen to.
    """

    def __init__(self, url: str, options: Options) -> None:
        self.url = url
        self.routes: frozenset[str] | None = None
        self.version = ""
        self.model = ""
        self.longest = 0
        self.answers_to = ""
        self.life = 0
        self.is_paused = False
        self._options = options
        self._headers = _headers(options)
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = (
            WeakKeyDictionary()
        )

    def look(self) -> None:
        """Learn model, limit and routes. Raises ``ConfigError`` for what is no vLLM server, and
        ``Lost``.
        """
        try:
            version = str(self.get("/version")["version"])
            models = [one for one in self.get("/v1/models")["data"] if not one.get("parent")]
            self.model, self.longest = str(models[0]["id"]), int(models[0]["max_model_len"])
        except (ProviderError, KeyError, TypeError, ValueError, IndexError) as error:
            raise ConfigError(
                f"what answers at {self.url} is no vLLM server: {error}",
                hint="Start one with: python -m vllm.entrypoints.openai.api_server "
                "--logprobs-mode processed_logprobs",
            ) from error
        self.version = version
        self.answers_to = self.model
        try:
            self.routes = frozenset(self.get("/openapi.json")["paths"])
        except (ProviderError, KeyError, TypeError):
            self.routes = None

    @property
    def is_in_dev_mode(self) -> bool:
        """Whether anyone who reaches the server may change what it runs."""
        if self.routes is not None:
            return RPC in self.routes
        try:
            self.get("/server_info")
        except ProviderError:
            return False
        return True

    def can(self, *routes: str) -> bool:
        return self.routes is None or self.routes.issuperset(routes)

    def need(self, *routes: str) -> None:
        """Raise ``ConfigError`` if the server lacks one of the routes."""
        lacking = [route for route in routes if not self.can(route)]
        if not lacking:
            return
        how = {
            LORA: "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora",
            RPC: "VLLM_SERVER_DEV_MODE=1, on a loopback or private address",
            RESET: "VLLM_SERVER_DEV_MODE=1, on a loopback or private address",
            JOIN: "VLLM_SERVER_DEV_MODE=1, on a loopback or private address, with "
            + " ".join(NCCL_ARGUMENTS),
        }.get(lacking[0])
        hint = f"Start it with {how}" if how else "Use vLLM 0.22 or later"
        raise ConfigError(
            f"vLLM {self.version} at {self.url} has no route {lacking[0]}",
            hint=f"{hint}; or let the run start the server: --policy vllm:FOLDER.",
        )

    def get(self, path: str) -> Any:
        return self._asked("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer as JSON, None if it is empty. Raises ``Lost``, and ``ProviderError`` for a
        refusal.
        """
        return self._asked("POST", path, body)

    def choice(self, ids: Sequence[int], **asked: Any) -> dict[str, Any]:
        """The one completion of the ids, now."""
        answer = self.post(COMPLETIONS, self.request(ids, **asked))
        return self._choice(answer)

    async def sampled(self, body: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """The one completion that ``request`` describes, and whether it came over a connection that
        is new: then another server may be behind the address than the last time. Raises as
        ``post`` does, and ``Lost`` where the server no longer knows the model's name.
        """
        is_new = False

        async def trace(event: str, about: Mapping[str, Any]) -> None:
            nonlocal is_new
            is_new = is_new or event == "connection.connect_tcp.complete"

        url = self.url + COMPLETIONS
        try:
            answer = await self._client().post(url, json=body, extensions={"trace": trace})
        except httpx.HTTPError as error:
            raise Lost(f"{self.url}: {type(error).__name__}: {error}") from error
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise Lost(f"{url}: {_said(answer)}")
        return self._choice(self._read(answer)), is_new

    def names(self) -> list[str]:
        """Of the model and all adapters that the server has."""
        return [str(one["id"]) for one in self.get("/v1/models")["data"]]

    def request(self, ids: Sequence[int], **asked: Any) -> dict[str, Any]:
        sent = {"model": self.answers_to, "prompt": list(ids), "return_token_ids": True}
        return {**sent, **EXACT, **asked}

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = self._clients[loop] = httpx.AsyncClient(
                headers=self._headers,
                timeout=self._options.seconds,
                limits=httpx.Limits(max_connections=None),
                trust_env=False,
            )
        return client

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        try:
            with httpx.Client(
                headers=self._headers, timeout=self._options.seconds, trust_env=False
            ) as client:
                return self._read(client.request(method, self.url + path, json=body))
        except httpx.HTTPError as error:
            raise Lost(f"{self.url}{path}: {type(error).__name__}: {error}") from error

    def _read(self, answer: httpx.Response) -> Any:
        where = f"{self.url}{answer.request.url.path}"
        if answer.status_code >= 500:
            raise Lost(f"{where}: status {answer.status_code}: {_said(answer)}")
        if not answer.is_success:
            raise ProviderError(
                f"{where} refused: status {answer.status_code}: {_said(answer)}",
                hint="Its own log says more. With a key, name key_variable in [options.vllm].",
            )
        try:
            return answer.json() if answer.content else None
        except ValueError:
            return answer.text

    def _choice(self, answer: Any) -> dict[str, Any]:
        try:
            choice: dict[str, Any] = answer["choices"][0]
            choice["finish_reason"]
        except (KeyError, IndexError, TypeError) as error:
            raise ModelError(
                f"the answer of {self.url} is no completion: {str(answer)[:200]}",
                hint="Is a vLLM server behind the address, and nothing in between?",
            ) from error
        return choice


def _said(answer: httpx.Response) -> str:
    return " ".join(answer.text.split())[:300] or "no message"


def _headers(options: Options) -> dict[str, str]:
    if not options.key_variable:
        return {}
    if key := os.environ.get(options.key_variable):
        return {"Authorization": f"Bearer {key}"}
    raise ConfigError(
        f"the environment variable {options.key_variable} with the key of vLLM is not set",
        hint=f"Run: export {options.key_variable}=...",
    )
