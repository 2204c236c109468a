"""Weights by NCCL: TRL's own client and the loopback server, tensors handed over in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from trl.generation import vllm_client

from harness.assembly.components import Components
from harness.errors import ConfigError, MissingExtra, ModelError
from harness_vllm import broadcast

from .conftest import Opened, changed, gap, play
from .loopback import ALWAYS, DEV, LORA, NCCL, Refused, VllmServer


@pytest.fixture
def server(folder: Path) -> Iterator[VllmServer]:
    with VllmServer(folder, routes=ALWAYS | DEV | LORA | NCCL) as running:
        yield running


@pytest.fixture
def cable(server: VllmServer, monkeypatch: pytest.MonkeyPatch) -> VllmServer:
    """In place of vLLM's half of TRL's client: joining the group, and sending over it."""

    def send(iterator: Any, group: Any, src: int, post_iter_func: Any) -> None:
        assert group["world_size"] == 2
        server.cable.extend((name, tensor.clone()) for name, tensor in iterator)

    half = {
        "is_vllm_available": lambda *_, **__: True,
        "get_ip": lambda: "127.0.0.1",
        "_HAS_STATEFUL_TRAINER_ENGINE": True,
        "open_trainer_endpoint": lambda info: info,
        "packed_nccl_broadcast_producer": send,
    }
    for name, value in half.items():
        monkeypatch.setattr(vllm_client, name, value, raising=False)
    monkeypatch.setattr(vllm_client.VLLMClient, "close_communicator", lambda _: None)
    monkeypatch.setattr(broadcast, "need", lambda *_, **__: None)
    monkeypatch.setattr(broadcast, "_device", lambda _: torch.device("cuda"))
    return server


def test_a_trainers_weights_get_to_the_server_without_a_folder(
    parts: Components, cable: VllmServer, opened: Opened
) -> None:
    policy = opened(cable, sync="nccl")
    for _ in range(2):
        changed(policy.model)
        policy.weights_changed()
        assert gap(policy.model, play(parts, policy), 0.7) < 1e-3
    assert cable.count("/collective_rpc") == 1  # the weights of the start
    assert cable.count("/init_weight_transfer_engine") == 1
    assert cable.count("/update_weights") == cable.count("/finish_weight_update") == 2
    assert cable.count("/reset_prefix_cache") == 3
    assert cable.version == policy._sampler.weights.version
    assert max(policy._sampler.fleet.gaps.values()) < 1e-4


def test_a_server_that_was_started_again_is_joined_again_and_the_last_one_forgotten(
    cable: VllmServer, opened: Opened
) -> None:
    policy = opened(cable, sync="nccl")
    (replica,) = policy._sampler.fleet.replicas
    for _ in range(2):
        changed(policy.model)
        policy.weights_changed()
        replica.life += 1
    assert cable.count("/init_weight_transfer_engine") == 2
    ((life, _),) = policy._sampler.fleet._broadcast._clients.values()
    assert life == 1


def test_what_travels_to_another_process_has_no_model(cable: VllmServer, opened: Opened) -> None:
    policy = opened(cable, sync="nccl")
    changed(policy.model)
    policy.weights_changed()
    _, (luggage,) = policy.__reduce__()
    assert luggage.weights.version == policy._sampler.weights.version
    assert luggage.weights.model is None


def test_weights_that_got_lost_on_the_way_are_an_error(cable: VllmServer, opened: Opened) -> None:
    policy = opened(cable, sync="nccl")
    changed(policy.model, 0.01)
    cable.loses = True
    with pytest.raises(ModelError, match="does not have the weights"):
        policy.weights_changed()


def test_a_server_that_refuses_them_is_quoted(cable: VllmServer, opened: Opened) -> None:
    def refuses(path: str, _: Any) -> None:
        if path == "/update_weights":
            raise Refused(400, "Expected a rank of this group.")

    policy = opened(cable, sync="nccl")
    changed(policy.model)
    cable.flaws = refuses
    with pytest.raises(ModelError, match=r"did not reach .* by NCCL.*a rank of this") as caught:
        policy.weights_changed()
    assert "--weight-transfer-config" in caught.value.hint


def test_a_server_without_the_routes_is_an_error(
    cable: VllmServer, folder: Path, opened: Opened
) -> None:
    with VllmServer(folder) as other:
        policy = opened(other, sync="nccl")
        changed(policy.model)
        with pytest.raises(ConfigError, match="no route /init_weight_transfer_engine") as caught:
            policy.weights_changed()
    assert "--weight-transfer-config" in caught.value.hint


def test_a_model_that_is_on_no_gpu_of_nvidia_cannot_be_sent(
    cable: VllmServer, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_device", lambda _: torch.device("cpu"))
    policy = opened(cable, sync="nccl")
    changed(policy.model)
    with pytest.raises(ConfigError, match="is on cpu"):
        policy.weights_changed()


def test_what_cannot_work_is_said_before_anything_runs(
    server: VllmServer, folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="on other GPUs"):
        opened(argument=str(folder), sync="nccl")
    with pytest.raises(ConfigError, match="sends servers no key"):
        opened(server, sync="nccl", key_variable="VLLM_KEY")
    monkeypatch.setattr("harness.assembly.extras.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="needs trl and vllm"):
        opened(server, sync="nccl")
    assert not server.asked
