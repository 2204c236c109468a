"""A server is looked at before anything runs, and refused in words."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.errors import ConfigError, ModelError, ProviderError
from harness_local.tiny import Shape, build_tiny

from .conftest import LITTLE, Opened
from .loopback import ALWAYS, VllmServer


def refused(folder: Path, opened: Opened, why: str, **flags: Any) -> str:
    with VllmServer(folder, **flags) as server, pytest.raises(ConfigError, match=why) as caught:
        opened(server)
    return caught.value.hint


def test_a_server_without_token_ids_is_refused(folder: Path, opened: Opened) -> None:
    assert "return_token_ids" in refused(folder, opened, "not return token ids", gives_ids=False)


def test_raw_log_probabilities_are_refused(folder: Path, opened: Opened) -> None:
    hint = refused(folder, opened, "differ by 1.00 times", mode="raw_logprobs")
    assert "--logprobs-mode processed_logprobs" in hint


def test_another_model_behind_the_address_is_refused(
    parts: Components, folder: Path, opened: Opened, tmp_path: Path
) -> None:
    other = build_tiny(tmp_path / "other", parts.domain, Shape(**{**LITTLE, "tasks": 3}), seed=5)
    refused(other, opened, "has another tokenizer")


def test_a_server_without_a_route_for_tokens_is_refused(folder: Path, opened: Opened) -> None:
    refused(folder, opened, "has no route /tokenize", routes=ALWAYS - {"/tokenize"})


def test_what_is_no_vllm_server_is_refused(folder: Path, opened: Opened) -> None:
    refused(folder, opened, "is no vLLM server", routes=ALWAYS - {"/version"})


def test_development_mode_at_a_public_address_is_refused(
    folder: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness_vllm.checks.is_public", lambda url: True)
    refused(folder, opened, "development mode at a public address")
    with VllmServer(folder, routes=ALWAYS) as server:
        opened(server)


def test_a_public_address_without_encryption_is_refused(opened: Opened, folder: Path) -> None:
    with pytest.raises(ConfigError, match="public address without encryption"):
        opened(argument="http://8.8.8.8:8000", model=str(folder))


def test_nobody_at_the_address_is_an_error(folder: Path, opened: Opened) -> None:
    with VllmServer(folder) as server:
        pass
    with pytest.raises(ProviderError, match="no vLLM server answers"):
        opened(server)


def test_an_address_needs_the_folder_of_its_model(server: VllmServer, opened: Opened) -> None:
    with pytest.raises(ConfigError, match="needs the folder of its model"):
        opened(server, model="")
    with pytest.raises(ModelError, match="there is no model folder"):
        opened(server, model="no/such/folder")


@pytest.mark.parametrize("text", ["{", '{"ids": [1, 2], "logprobs": [1, 2, 3]}', '{"ids": [1]}'])
def test_a_damaged_probe_is_refused(
    server: VllmServer, opened: Opened, folder: Path, tmp_path: Path, text: str
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "probe.json").write_text(text)
    with pytest.raises(ModelError, match=r"probe\.json"):
        opened(server, model=str(copy))


def test_a_key_is_sent_where_one_is_named(
    server: VllmServer, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VLLM_KEY_OF_TEST", raising=False)
    with pytest.raises(ConfigError, match="VLLM_KEY_OF_TEST"):
        opened(server, key_variable="VLLM_KEY_OF_TEST")


@pytest.mark.parametrize(
    "argument", ["--trust-remote-code", "--trust", "--host=0.0.0.0", "--logprobs-mode=raw_logprobs"]
)
def test_arguments_that_are_unsafe_or_ours_are_refused(
    opened: Opened, folder: Path, argument: str
) -> None:
    with pytest.raises(ConfigError, match="cannot be chosen"):
        opened(argument=str(folder), arguments=[argument])
