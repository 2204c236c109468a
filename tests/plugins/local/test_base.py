"""The bundled base: an ordinary small model folder that has really learned something."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from harness.llm.roles import open_registry
from harness.protocols import Conversation, Domain, Settings
from harness_local.lexicon import Lexicon
from harness_local.opening import Options, TinyOptions, open_model, tiny_policy
from harness_local.policy import LocalPolicy
from harness_local.pretraining import talks
from harness_local.tiny import Shape

from .conftest import demonstrations

BASE = Path(str(files("harness_local") / "base"))
CONTEXT, TURN = Shape.positions, TinyOptions.max_new_tokens
UNSEEN = range(2_000_000, 2_000_004)


@pytest.fixture(scope="module")
def base() -> LocalPolicy:
    return open_model(str(BASE), Options(), name="tiny")


def test_it_is_small_enough_to_travel_with_the_package() -> None:
    assert sum(file.stat().st_size for file in BASE.iterdir()) < 10_000_000


def test_any_loader_opens_it() -> None:
    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(BASE),
        AutoTokenizer.from_pretrained(BASE),
    )
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer)


def test_it_has_words_of_no_domain_and_knows_no_tool(base: LocalPolicy) -> None:
    lexicon = Lexicon(base.tokenizer)
    assert not lexicon.tools
    assert not lexicon.arguments
    assert len(lexicon.encode(" please cancel")) == 2
    assert len(lexicon.encode(" price 151.30")) == len(["price", "1", "5", "1", ".30"])


def test_its_record_tells_how_it_was_made() -> None:
    record = json.loads((BASE / "training.json").read_text())
    assert {"data", "seed", "shape", "options", "training", "versions", "machine"} <= set(record)
    training = record["training"]
    assert training["tokens"] > 1_000_000
    assert training["curve"][-1]["held_out_loss"] == training["held_out_loss"]
    while "went_on_from" in record:
        record = record["went_on_from"]
    curve = record["training"]["curve"]
    losses = [point["held_out_loss"] for point in curve if "held_out_loss" in point]
    assert training["held_out_loss"] < losses[0] / 5


def test_it_foresees_talks_of_businesses_it_never_saw(base: LocalPolicy) -> None:
    nats, tokens = 0.0, 0
    for episode in islice(talks(UNSEEN, seed=5), 12):
        task = episode.task
        domain = open_registry().make("domain", f"invented:{task.world['business']}", Settings())
        talk = Conversation(id="a", domain=domain, task=task, messages=episode.trajectory.messages)
        trace = base.encode(talk)
        ids, sampled = torch.tensor(trace.ids.copy()), torch.tensor(trace.sampled.copy())
        with torch.no_grad():
            logprobs = base.model(input_ids=ids[None]).logits[0, :-1].log_softmax(-1)
        chosen = logprobs.gather(1, ids[1:, None])[:, 0][sampled[1:]]
        nats, tokens = nats - float(chosen.sum()), tokens + len(chosen)
    assert nats / tokens < 0.3


def test_the_tiny_policy_starts_from_it(shop: Domain, tmp_path: Path) -> None:
    policy = tiny_policy(Settings(domain=shop, folder=tmp_path, options={"tasks": 1}))
    assert isinstance(policy, LocalPolicy)
    model = AutoModelForCausalLM.from_pretrained(BASE)
    for name, weight in model.named_parameters():
        if "embed" not in name:
            assert torch.equal(policy.model.get_parameter(name), weight)


@pytest.mark.parametrize("name", ["retail", "airline"])
def test_conversations_of_a_domain_fit_it(name: str, tmp_path: Path) -> None:
    domain: Domain = open_registry().make("domain", name, Settings())
    policy = tiny_policy(Settings(domain=domain, folder=tmp_path, options={"tasks": 30}))
    assert isinstance(policy, LocalPolicy)
    for episode in demonstrations(domain, seed=3, count=60):
        said = episode.trajectory.messages
        trace = policy.encode(Conversation(id="a", domain=domain, task=episode.task, messages=said))
        turns = "".join("x" if sampled else " " for sampled in trace.sampled).split()
        assert len(trace.ids) <= CONTEXT
        assert max(map(len, turns)) <= TURN
