"""Send a model's weights from a GPU of this process to a server's by NCCL, with TRL's client."""

from __future__ import annotations

from typing import Any

from harness.assembly.extras import need
from harness.errors import ConfigError, ModelError
from harness_vllm.options import NCCL_ARGUMENTS, Options
from harness_vllm.replica import JOIN, RECEIVE, Lost, Replica
from harness_vllm.server import free_port


class Broadcast:
    """Groups of one server's workers and this process each, for as long as that server lives."""

    def __init__(self) -> None:
        self._clients: dict[str, tuple[int, Any]] = {}
        """By address: which life of the server it is, and the client that joined it."""

    def send(self, replica: Replica, model: Any) -> None:
        """Give the server all parameters of the model, whose cached prefixes are then stale.

        Raises ``ConfigError`` where one side cannot, ``Lost``, and ``ModelError`` for what else
        goes wrong on the way.
        """
        replica.need(JOIN, RECEIVE)
        _check(model)
        try:
            self._client(replica, model).update_model_params(model)
        except Exception as error:
            self._clients.pop(replica.url, None)
            if isinstance(error, OSError):  # the HTTP client's errors among them
                raise Lost(f"{replica.url}: {type(error).__name__}: {error}") from error
            raise ModelError(
                f"weights did not reach {replica.url} by NCCL: {type(error).__name__}: {error}",
                hint=f"Start the server with {' '.join(NCCL_ARGUMENTS)} on another GPU of a "
                'network that both share; or set sync = "folder" in [options.vllm].',
            ) from error

    def _client(self, replica: Replica, model: Any) -> Any:
        life, client = self._clients.get(replica.url, (None, None))
        if life != replica.life:
            from trl.generation.vllm_client import VLLMClient

            client = VLLMClient(base_url=replica.url, group_port=free_port(""))
            client.init_communicator(device=_device(model))
            self._clients[replica.url] = (replica.life, client)
        return client


def check_broadcast(options: Options, *, is_own: bool) -> None:
    """Raise ``ConfigError`` for servers that cannot get weights by NCCL: the run's own, which would
    share its GPU, and those that want a key. Raises ``MissingExtra`` without TRL or vLLM here.
    """
    if options.sync != "nccl":
        return
    if is_own:
        raise ConfigError(
            'sync = "nccl" is for a server on other GPUs than this process, and the run starts its '
            "own on the same",
            hint=f"Start one there with {' '.join(NCCL_ARGUMENTS)}, and name its address: --policy "
            'vllm:http://HOST:PORT; or set sync = "folder" in [options.vllm].',
        )
    if options.key_variable:
        raise ConfigError(
            'sync = "nccl" goes through TRL\'s client, which sends servers no key',
            hint='Leave out key_variable in [options.vllm], or set sync = "folder".',
        )
    need('sync = "nccl"', "trl", "vllm", extra="vllm,train")


def _check(model: Any) -> None:
    """Raise ``ConfigError`` for a model that NCCL cannot send."""
    if (device := _device(model)).type != "cuda":
        raise ConfigError(
            f"the model to be sent by NCCL is on {device}: NCCL is between GPUs of NVIDIA",
            hint='Set sync = "folder" in [options.vllm].',
        )


def _device(model: Any) -> Any:
    return next(model.parameters()).device
