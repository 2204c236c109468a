"""Folders that are no model, or a bad one: each is told in one line, with what to do."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from huggingface_hub import model_info
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

from harness.errors import ModelError
from harness.evaluation.rollout import run_rollouts
from harness.protocols import (
    Conversation,
    Domain,
    Executor,
    RolloutJob,
    RolloutLimits,
    RolloutSetup,
    Settings,
    UserTurn,
)
from harness.types import Message, Task, TokenTrace
from harness_local.opening import path_policy
from harness_local.policy import LocalPolicy

Spoil = Callable[[Path], None]


@pytest.fixture
def folder(tiny_folder: Path, tmp_path: Path) -> Path:
    """A good folder as others make them: without a codec of ours."""
    copy = Path(shutil.copytree(tiny_folder, tmp_path / "model"))
    (copy / "codec.json").unlink()
    return copy


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def opened(path: Path | str, **options: Any) -> LocalPolicy:
    policy = path_policy(Settings(argument=str(path), options=options))
    assert isinstance(policy, LocalPolicy)
    return policy


def written(file: str, text: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / file).write_text(text)

    return spoil


def without(*files: str) -> Spoil:
    def spoil(folder: Path) -> None:
        for file in files:
            (folder / file).unlink()

    return spoil


def configured(**changes: object) -> Spoil:
    def spoil(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **changes}))

    return spoil


def cut_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def other_vocabulary(size: int) -> Spoil:
    """A whole and sound model, but not the one that the tokenizer is for."""

    def spoil(folder: Path) -> None:
        config = Qwen2Config.from_pretrained(folder)
        config.vocab_size, config.pad_token_id, config.eos_token_id = size, None, 1
        Qwen2ForCausalLM(config).save_pretrained(folder)

    return spoil


def template(text: str) -> Spoil:
    return written("chat_template.jinja", text)


SAID = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
TOOLS = "{% for t in tools %}{{ t.function | tojson }}{% endfor %}"
TAGLESS = (
    "{% for m in messages %}{% for c in m.tool_calls or [] %}"
    "[TOOL_CALLS]{{ c.function | tojson }}{% endfor %}{% endfor %}"
)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (written("config.json", "hello"), "config.json does not describe a model"),
        (written("config.json", "[]"), "config.json does not describe a model"),
        (written("config.json", "{}"), "config.json does not describe a model"),
        (configured(model_type="telepathy"), "'telepathy', which transformers .* does not know"),
        (configured(attn_implementation="evil/kernel"), "asks for code: attn_implementation = "),
        (configured(sub={"attn_implementation": {"": "evil/kernel"}}), "asks for code: attn_impl"),
        (written("adapter_config.json", "{}"), "a PEFT adapter for a model that is elsewhere"),
        (configured(model_type="t5"), "'t5', which is not a causal language model"),
        (cut_weights, "damaged or cut short"),
        (configured(vocab_size=100), r"has the shape \(\d+, 128\), but its config.json expects"),
        (without("tokenizer.json"), "has no tokenizer"),
        (written("tokenizer.json", "hello"), "cannot open the model"),
        (other_vocabulary(200), r"tokenizer of .* has \d+ tokens, but the model has 200"),
        (other_vocabulary(49152), r"tokenizer of .* has \d+ tokens, but the model has 49152"),
        (template(""), "has no chat template"),
        (template("{% for"), "cannot be rendered"),
        (template(SAID), "leaves out tools and calls$"),
        (template(TOOLS), "leaves out calls and results of calls$"),
        (template(SAID + TOOLS + TAGLESS), "calls in an unsupported form"),
    ],
)
def test_a_bad_folder_is_a_model_error_of_one_line_with_a_hint(
    folder: Path, spoil: Spoil, message: str
) -> None:
    assert opened(folder)
    spoil(folder)
    with pytest.raises(ModelError, match=message) as error:
        opened(folder)
    assert "\n" not in str(error.value)
    assert error.value.hint


def test_a_model_may_have_some_tokens_to_spare(folder: Path) -> None:
    known = len(AutoTokenizer.from_pretrained(folder))
    other_vocabulary(known + known // 20)(folder)
    assert opened(folder)


def test_a_file_is_no_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    with pytest.raises(ModelError, match=r"no model folder 'model/config\.json'"):
        opened("model/config.json")


@pytest.mark.parametrize("path", ["./model", "../model", "-/model"])
def test_a_path_that_leads_nowhere_is_no_hub_id(path: str) -> None:
    with pytest.raises(ModelError, match=f"no model folder '{path}'"):
        opened(path)


def test_a_hub_id_without_the_hub_is_told_at_once() -> None:
    with pytest.raises(ModelError, match="nobody/nothing, and the hub cannot be reached") as error:
        opened("nobody/nothing")
    assert "HF_HUB_OFFLINE" in error.value.hint


class NotFound(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", "RepoNotFound")
        self.end_headers()

    def log_message(self, *words: object) -> None:
        """Not to the terminal."""


def test_a_hub_id_that_the_hub_does_not_know_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with HTTPServer(("127.0.0.1", 0), NotFound) as server:
        Thread(target=server.handle_request, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(model_info.__self__, "endpoint", address)
        with pytest.raises(ModelError, match="nobody/nothing, and no model of that name on"):
            opened("nobody/nothing")


class Insistent:
    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        return UserTurn(message=Message(role="user", content="Please cancel order #W2611340. " * 4))


class InTurn(Executor):
    async def map(self, function: Any, items: Any) -> AsyncIterator[tuple[int, Any]]:
        for index, item in enumerate(items):
            yield index, await function(item)


def test_a_conversation_longer_than_the_model_reads_is_a_fault_and_does_not_count(
    folder: Path, shop: Domain
) -> None:
    configured(max_position_embeddings=1200)(folder)
    policy = opened(folder, max_new_tokens=40, temperature=1.0)
    setup = RolloutSetup(
        domain=shop, user=Insistent(), limits=RolloutLimits(message_limit=200, max_errors=200)
    )
    jobs = [RolloutJob(task=shop.tasks("train")[0], trial=trial, seed=trial) for trial in range(2)]
    for episode in run_rollouts(jobs, policy, setup, InTurn(), keep_tokens=True):
        assert episode.uncounted == "context_overflow"
        assert "the limit is 1200" in episode.trajectory.fault
        assert episode.tokens is not None
        assert 600 < len(episode.tokens.ids) < 1200


def test_a_saved_checkpoint_opens_in_plain_transformers_and_reads_the_same(
    tiny: LocalPolicy, talk: Conversation, tmp_path: Path
) -> None:
    with torch.no_grad():
        tiny.model.model.norm.weight.mul_(1.1)
    tiny.weights_changed()
    tiny.save(tmp_path)
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    trace = tiny.encode(talk)
    torch.testing.assert_close(logits(model, trace), logits(tiny.model, trace))
    assert tokenizer.decode(trace.ids) == tiny.tokenizer.decode(trace.ids)
    greedy = model.generate(
        torch.tensor(trace.ids[None, :60].copy()),
        max_new_tokens=12,
        do_sample=False,
        use_cache=True,
    )
    tiny.set_temperature(0)
    ours = asyncio.run(tiny._sampler.turn("a", trace.ids[:60].tolist(), seed=0))
    assert ours.ids == greedy[0, 60:].tolist()[: len(ours.ids)]


@torch.no_grad()
def logits(model: Any, trace: TokenTrace) -> torch.Tensor:
    found: torch.Tensor = model(input_ids=torch.tensor(trace.ids[None].copy())).logits
    return found
