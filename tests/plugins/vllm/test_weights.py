"""No update of weights is believed before the server's log-probabilities are those of them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from harness.assembly.components import Components
from harness.errors import ConfigError, ModelError
from harness.types import Checkpoint
from harness_vllm.policy import opened_model
from harness_vllm.probe import probe_ids, probe_of

from .conftest import Opened, changed, gap, play, sampled
from .loopback import ALWAYS, DEV, LORA, VllmServer, adapted


def test_turns_come_from_the_new_weights_after_an_update(
    parts: Components, server: VllmServer, opened: Opened
) -> None:
    policy = opened(server)
    assert gap(policy.model, play(parts, policy), 0.7) < 1e-3
    changed(policy.model)
    policy.weights_changed()
    after = play(parts, policy)
    assert gap(policy.model, after, 0.7) < 1e-3
    assert server.count("/reset_prefix_cache") == 2
    version = policy._sampler.weights.version
    assert {span.version for one in after for span in one.tokens.versions} == {version}
    assert server.version == version
    assert max(policy._sampler.fleet.gaps.values()) < 1e-4


@pytest.mark.parametrize("routes", [ALWAYS | DEV, ALWAYS])
def test_a_change_that_is_too_small_for_the_probe_is_brought_all_the_same(
    folder: Path, opened: Opened, routes: set[str]
) -> None:
    with VllmServer(folder, routes=routes) as server:
        policy = opened(server)
        changed(policy.model, 1e-7)
        if routes == ALWAYS:
            with pytest.raises(ConfigError, match="has no route /collective_rpc"):
                policy.weights_changed()
            return
        policy.weights_changed()
        pairs = zip(policy.model.parameters(), server.model.parameters(), strict=True)
        assert all(torch.equal(here, there) for here, there in pairs)


def test_without_a_trainer_weights_changed_changes_nothing(
    server: VllmServer, opened: Opened
) -> None:
    policy = opened(server)
    assert server.count("/collective_rpc") == 1
    policy.weights_changed()
    assert server.count("/collective_rpc") == 1
    assert "model" not in vars(policy)


def test_a_stale_output_layer_is_an_error(folder: Path, opened: Opened) -> None:
    with VllmServer(folder, packs=True) as server:
        policy = opened(server)
        changed(policy.model)
        with pytest.raises(ModelError, match="does not have the weights") as caught:
            policy.weights_changed()
    assert "tied embeddings" in caught.value.hint


def test_a_server_that_loads_nothing_is_an_error(server: VllmServer, opened: Opened) -> None:
    policy = opened(server)
    server._load = lambda folder: None  # type: ignore[method-assign]
    changed(policy.model, 0.01)
    with pytest.raises(ModelError, match="does not have the weights"):
        policy.weights_changed()
    with pytest.raises(ModelError, match="does not have the weights"):
        sampled(policy, "a", [40, 41, 42])


def test_an_update_in_the_middle_of_a_turn_leaves_two_spans(
    server: VllmServer, opened: Opened
) -> None:
    policy = opened(server, temperature=1.0)
    old = policy._sampler.weights.version
    before = opened_model(policy.folder)
    changed(policy.model)
    server.holds_at = 3

    async def turned() -> Any:
        turn = asyncio.ensure_future(policy._sampler.turn("a", [40, 41, 42], seed=1))
        await asyncio.to_thread(server.holding.wait, 30)
        await asyncio.to_thread(policy.weights_changed)
        return await turn

    turn = asyncio.run(turned())
    new = policy._sampler.weights.version
    assert [(span.start, span.version) for span in turn.versions] == [(0, old), (3, new)]
    assert turn.versions[-1].stop == len(turn.ids)
    ids = torch.tensor([40, 41, 42, *turn.ids])
    for model, span in zip((before, policy.model), turn.versions, strict=True):
        with torch.no_grad():
            known = model(ids[None]).logits[0].log_softmax(-1)
        for place in range(span.start, span.stop):
            told = float(known[2 + place, turn.ids[place]])
            assert abs(told - turn.logprobs[place]) < 1e-3


def test_a_turn_that_reaches_the_server_in_the_pause_of_an_update_does_not_hold_it_up(
    server: VllmServer, opened: Opened
) -> None:
    policy = opened(server, seconds=20.0)
    changed(policy.model)

    def flaws(path: str, body: Any) -> None:
        if "cache_salt" in body and not server.holding.is_set():
            server.holding.set()
            server.paused.wait(30)

    server.flaws = flaws

    async def turned() -> Any:
        turn = asyncio.ensure_future(policy._sampler.turn("a", [40, 41, 42], seed=1))
        await asyncio.to_thread(server.holding.wait, 30)
        await asyncio.to_thread(policy.weights_changed)
        return await turn

    assert asyncio.run(turned()).ids
    assert server.version == policy._sampler.weights.version


def test_a_checkpoint_is_loaded_into_the_same_server_and_proved_without_a_model(
    parts: Components,
    server: VllmServer,
    opened: Opened,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = opened(server)
    changed(first.model)
    first.save(tmp_path / "model")
    monkeypatch.setattr("harness_vllm.opening.opened_model", None)
    kept = Checkpoint(id="kept", policy="vllm", path=str(tmp_path / "model"))
    second = opened(server, checkpoint=kept)
    assert gap(first.model, play(parts, second), 0.7) < 1e-3
    assert gap(opened_model(first.folder), play(parts, first), 0.7) < 1e-3  # each its own
    assert server.count("/collective_rpc") == 3


def test_a_policy_saved_without_a_trainer_is_the_same(
    server: VllmServer, opened: Opened, folder: Path, tmp_path: Path
) -> None:
    opened(server).save(tmp_path)
    same = "model.safetensors"
    assert (tmp_path / same).read_bytes() == (folder / same).read_bytes()
    assert (tmp_path / "probe.json").is_file()


def adapter(folder: Path, base: Path, tokenizer: Any) -> Path:
    """An adapter of all query projections, with the probe of the model that it makes."""
    folder.mkdir()
    model = opened_model(base)
    dice = torch.Generator().manual_seed(2)
    tensors = {}
    for name, layer in model.named_modules():
        if name.endswith("q_proj"):
            at = f"base_model.model.{name}.lora_"
            tensors[at + "A.weight"] = torch.randn(4, layer.in_features, generator=dice)
            tensors[at + "B.weight"] = torch.randn(layer.out_features, 4, generator=dice)
    save_file(tensors, folder / "adapter_model.safetensors")
    config = {"r": 4, "lora_alpha": 8.0, "base_model_name_or_path": str(base)}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    made = adapted(model, folder)
    probe_of(made, probe_ids(tokenizer), is_rounded=False).write(folder)
    return folder


def test_an_adapter_is_loaded_by_its_path(
    parts: Components, server: VllmServer, opened: Opened, folder: Path, tmp_path: Path
) -> None:
    made = adapter(tmp_path / "adapter", folder, server.tokenizer)
    kept = Checkpoint(id="kept", policy="vllm", path=str(made))
    policy = opened(server, checkpoint=kept)
    assert gap(adapted(opened_model(folder), made), play(parts, policy), 0.7) < 1e-3
    assert server.count("/collective_rpc") == 0
    with pytest.raises(ConfigError, match="is an adapter"):
        _ = policy.model
    plain = opened(server)  # the adapter stays apart
    assert gap(opened_model(folder), play(parts, plain), 0.7) < 1e-3


def test_an_adapter_that_was_not_loaded_is_an_error(
    server: VllmServer, opened: Opened, folder: Path, tmp_path: Path
) -> None:
    made = adapter(tmp_path / "adapter", folder, server.tokenizer)
    server.do_load_lora_adapter = (  # type: ignore[method-assign]
        lambda body: server.adapted.update({body["lora_name"]: server.model}) or "Success"
    )
    with pytest.raises(ModelError, match="does not have the weights"):
        opened(server, checkpoint=Checkpoint(id="kept", policy="vllm", path=str(made)))


@pytest.mark.parametrize(
    ("routes", "is_adapted", "why"),
    [
        (ALWAYS, False, "has no route /collective_rpc"),
        (ALWAYS | DEV - {"/reset_prefix_cache"}, False, "has no route /reset_prefix_cache"),
        (ALWAYS | DEV, True, "has no route /v1/load_lora_adapter"),
        (ALWAYS | LORA, False, "has no route /collective_rpc"),
    ],
)
def test_a_server_without_the_route_for_an_update_is_an_error(
    folder: Path, opened: Opened, tmp_path: Path, routes: set[str], is_adapted: bool, why: str
) -> None:
    with VllmServer(folder, routes=routes) as server:
        policy = opened(server)
        if is_adapted:
            made = adapter(tmp_path / "adapter", folder, server.tokenizer)
            kept = Checkpoint(id="kept", policy="vllm", path=str(made))
            with pytest.raises(ConfigError, match=why):
                opened(server, checkpoint=kept)
            return
        changed(policy.model)
        with pytest.raises(ConfigError, match=why):
            policy.weights_changed()


def test_a_server_on_other_weights_is_given_those_of_the_folder(
    folder: Path, opened: Opened, tmp_path: Path, server: VllmServer
) -> None:
    changed(server.model)
    opened(server)
    assert server.count("/collective_rpc") == 1
