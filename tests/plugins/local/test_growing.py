from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from harness.errors import ConfigError, ModelError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import Conversation, Domain, Settings, World
from harness.types import Message, Split, Task, Tool, ToolCall
from harness_local.folders import load
from harness_local.growing import grow
from harness_local.lexicon import Lexicon
from harness_local.opening import Options, open_model, tiny_policy
from harness_local.policy import LocalPolicy

OTHER = "xyzzy 294.47, 15 (#W2611340) Plugh"


class Zoo(DomainDefaults):
    """A domain whose words the shop's tokenizer does not know."""

    name = "zoo"
    policy = "Feed every capybara before noon."
    tools = (
        Tool(
            name="feed_animal",
            description="Feed the capybara watermelon.",
            parameters={"type": "object", "properties": {"animal_id": {"type": "string"}}},
            kind="write",
        ),
    )

    def tasks(self, split: Split) -> Sequence[Task]:
        return []

    def open(self, task: Task) -> World:
        raise NotImplementedError


class Farm(Zoo):
    name = "farm"
    tools = (replace(Zoo.tools[0], name="milk_cow"),)


@pytest.fixture(scope="module")
def grown(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalPolicy:
    folder = tmp_path_factory.mktemp("zoo")
    options = {"base": str(tiny_folder), "tasks": 1}
    policy = tiny_policy(Settings(domain=Zoo(), folder=folder, options=options))
    assert isinstance(policy, LocalPolicy)
    return policy


@pytest.fixture(scope="module")
def before(tiny_folder: Path) -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(tiny_folder)


def feeding() -> Conversation:
    call = ToolCall(name="feed_animal", arguments={"animal_id": "C1234567"})
    messages = (
        Message(role="assistant", content="Hello!"),
        Message(role="user", content="Feed the capybara C1234567 watermelon."),
        Message(role="assistant", calls=(call,)),
    )
    task = Task(id="1", domain="zoo", split="train", scenario=None, world={})  # type: ignore[arg-type]
    return Conversation(id="a", domain=Zoo(), task=task, messages=messages)


def test_the_words_of_the_domain_become_single_tokens(grown: LocalPolicy) -> None:
    lexicon = Lexicon(grown.tokenizer)
    assert len(lexicon.encode(" capybara watermelon")) == 2
    assert {"feed_animal"} <= set(lexicon.tools)
    assert {"animal_id"} <= set(lexicon.arguments)


def test_its_conversations_get_shorter(grown: LocalPolicy, tiny_folder: Path) -> None:
    plain = open_model(str(tiny_folder), Options(), name="tiny")
    assert len(grown.encode(feeding()).ids) < 0.6 * len(plain.encode(feeding()).ids)


def test_all_other_text_is_split_as_before(
    grown: LocalPolicy, before: PreTrainedTokenizerBase
) -> None:
    assert Lexicon(grown.tokenizer).encode(OTHER) == Lexicon(before).encode(OTHER)


def test_a_new_embedding_is_the_mean_of_its_pieces_and_as_loud(
    grown: LocalPolicy, before: PreTrainedTokenizerBase
) -> None:
    weight = grown.model.get_input_embeddings().weight.detach()
    pieces = weight[Lexicon(before).encode(" capybara")]
    (new,) = Lexicon(grown.tokenizer).encode(" capybara")
    cosine = torch.cosine_similarity(weight[new], pieces.mean(0), dim=0)
    assert float(cosine) == pytest.approx(1.0, abs=1e-5)
    assert float(weight[new].norm()) == pytest.approx(float(pieces.norm(dim=-1).mean()), rel=1e-4)


def test_the_old_embeddings_stay(grown: LocalPolicy, tiny_folder: Path) -> None:
    _, model = load(str(tiny_folder), device="cpu", dtype="float32")
    old = model.get_input_embeddings().weight
    assert torch.equal(grown.model.get_input_embeddings().weight[: len(old)], old)


def test_any_loader_opens_the_grown_model(grown: LocalPolicy) -> None:
    path = grown.checkpoint.path
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(path),
        AutoTokenizer.from_pretrained(path),
    )
    assert model.get_output_embeddings().weight.shape[0] == len(tokenizer)
    assert tokenizer.get_vocab() == grown.tokenizer.get_vocab()
    assert tokenizer.decode(tokenizer.encode(" the capybara")) == " the capybara"


def test_growing_twice_adds_nothing(grown: LocalPolicy) -> None:
    tokenizer, model = load(grown.checkpoint.path, device="cpu", dtype="float32")
    size = len(tokenizer)
    grow(tokenizer, model, Zoo(), tasks=1, words=100, seed=0)
    assert len(tokenizer) == size


def test_a_shape_is_for_untrained_models_alone(shop: Domain, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has a fixed shape"):
        tiny_policy(Settings(domain=shop, folder=tmp_path, options={"layers": 6}))


def test_a_base_that_is_no_tiny_model_is_refused(shop: Domain, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        tiny_policy(Settings(domain=shop, folder=tmp_path, options={"base": "/nowhere"}))


def test_other_domains_add_their_words_after_those_of_the_first(
    grown: LocalPolicy, tiny_folder: Path, tmp_path: Path
) -> None:
    options = {"base": str(tiny_folder), "tasks": 1}
    both = tiny_policy(
        Settings(domain=Zoo(), other_domains=(Farm(),), folder=tmp_path, options=options)
    )
    assert isinstance(both, LocalPolicy)
    vocabulary = both.tokenizer.get_vocab()
    assert vocabulary.items() > grown.tokenizer.get_vocab().items()
    assert "milk_cow" in Lexicon(both.tokenizer).tools
