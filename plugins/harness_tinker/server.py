"""Turn the options of a server into an open connection, and its errors into ours."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib.metadata import version
from typing import TypeVar

import httpx
import tinker

from harness.assembly.addresses import checked_address
from harness.errors import ConfigError, ProviderError
from harness_tinker.backends import HOSTED_URL, check_client
from harness_tinker.options import ServerOptions

T = TypeVar("T")

HOSTED_KEY = "TINKER_API_KEY"
NO_KEY = "tml-none"
"""What a server that wants no key is sent: the client insists on one of this form."""

REFUSED = (
    tinker.BadRequestError,
    tinker.AuthenticationError,
    tinker.PermissionDeniedError,
    tinker.UnprocessableEntityError,
)
"""Errors that come again when the same is sent again."""


class Server:
    """A server that speaks the Tinker API; connects when first needed.

    Raises ``ConfigError`` for an address that must not be used, a client of the wrong version, or a
    missing key.
    """

    def __init__(self, options: ServerOptions) -> None:
        check_client(options.backend, version("tinker"))
        self.options = options
        self._is_hosted = options.backend == "hosted"
        if not options.url and not self._is_hosted:
            raise ConfigError(
                f"the backend {options.backend!r} needs the address of a server",
                hint='Set url = "http://HOST:PORT" in [options.tinker].',
            )
        self.url = checked_address(options.url or HOSTED_URL)
        self._key = self._read_key()
        self._client: tinker.ServiceClient | None = None

    def client(self) -> tinker.ServiceClient:
        """The connection, made anew after ``forget``. The client's telemetry is off, and it says
        nothing: what matters of its troubles becomes an error here.
        """
        if self._client is None:
            logging.getLogger("tinker").setLevel(logging.CRITICAL)
            os.environ.setdefault("TINKER_TELEMETRY", "0")
            # The header, too: the client would fill it with the key of the hosted service.
            self._client = tinker.ServiceClient(
                base_url=self.url, api_key=self._key, default_headers={"X-API-Key": self._key}
            )
        return self._client

    def forget(self) -> None:
        """End the session, and make a new one the next time."""
        client, self._client = self._client, None
        # Asking for ``holder`` would begin a session, if there were none, to end it.
        if client is not None and (session := client._session_holder) is not None:
            session.close()  # type: ignore[no-untyped-call]

    def check_model(self, name: str) -> None:
        """Raise ``ConfigError`` if the server says which models it has, and not this one."""
        known = [
            model.model_name
            for model in self.ask(lambda: self.client().get_server_capabilities().supported_models)
            if model.model_name
        ]
        if known and name not in known:
            raise ConfigError(
                f"the server at {self.url} has no base model {name!r} (it has: {', '.join(known)})",
                hint="Set base_model in [options.tinker] to one of these names, and name a folder "
                "with the tokenizer of the same model.",
            )

    def ask(self, question: Callable[[], T]) -> T:
        """The answer; raises ``ProviderError`` where there is none."""
        try:
            return question()
        except (tinker.TinkerError, httpx.HTTPError, ValueError, TimeoutError) as error:
            raise self.failed(error) from error

    def failed(self, error: BaseException) -> ProviderError:
        """The error in our words."""
        said = str(error).strip().splitlines()
        return ProviderError(
            f"the Tinker server at {self.url} gave no answer that could be used: "
            f"{type(error).__name__}: {said[0] if said else 'no message'}",
            hint="Is it running, with this base model and a free adapter? Its own log says more. "
            "Run the same command again to go on from the last kept step.",
        )

    def unload(self, model_id: str) -> None:
        """Give the model's place on the server back. One that is gone already is no error."""
        try:
            self._post("unload_model", {"model_id": model_id, "type": "unload_model"})
        except httpx.HTTPError:
            return

    def archive(self, path: str) -> bytes:
        """The saved sampler weights as a tar archive. Raises ``ProviderError``."""
        run, name = path.removeprefix("tinker://").split("/", 1)
        name = name.removeprefix("sampler_weights/")
        if self._is_hosted:
            rest = self.client().create_rest_client()
            asked = rest.get_checkpoint_archive_url_from_tinker_path(
                f"tinker://{run}/sampler_weights/{name}"
            )
            url = self.ask(lambda: asked.result(self.options.seconds).url)
        else:
            # The client's own call writes a path that SkyRL's server has not.
            url = f"{self.url}/api/v1/training_runs/{run}/checkpoints/{name}/archive"

        def load() -> bytes:
            with httpx.Client(timeout=self.options.seconds) as http:
                answer = http.get(url)
                for _ in range(3):
                    if answer.next_request is None:
                        break
                    answer = http.send(answer.next_request)
                return answer.raise_for_status().content

        return self.ask(load)

    def _post(self, route: str, body: dict[str, str]) -> httpx.Response:
        url = f"{self.url}/api/v1/{route}"
        return httpx.post(url, json=body, headers={"X-API-Key": self._key}, timeout=30)

    def _read_key(self) -> str:
        name = self.options.key_variable or (HOSTED_KEY if self._is_hosted else "")
        if not name:
            return NO_KEY
        if key := os.environ.get(name):
            return key
        raise ConfigError(
            f"the environment variable {name} with the key of {self.url} is not set",
            hint=f"Run: export {name}=...",
        )
