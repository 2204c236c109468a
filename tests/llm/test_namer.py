"""What a chat model's name for a pattern must be like, and what becomes of one that is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.discovery.station import patterns_before, round_patterns
from harness.errors import HarnessError
from harness.llm.namer import SHOWN, case_of, shown
from harness.llm.roles import open_registry
from harness.loop import discover, evaluate_once
from harness.run_folder import RunFolder
from harness.runtime.cache_folder import FOLDER_VARIABLE
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply, Wire
from harness.types import Diagnosis, ErrorPattern, Json, ToolCall

GOOD = "Takes a step that nobody asked for, where it should have read the records first."


def label(name: str, description: str = GOOD) -> Reply:
    made: dict[str, Json] = {"name": name, "description": description}
    return Reply(calls=(ToolCall(name="label", arguments=made, id="c1"),))


class Namer:
    """Gives the groups the names of a list, in the order in which it hears of them."""

    def __init__(self, *answers: Reply) -> None:
        self.answers = answers
        self.groups: list[str] = []
        self.asked = 0

    def __call__(self, question: Asked) -> Reply:
        assert question.tools == ("label",)
        self.asked += 1
        group = question.turns[0][1]
        self.groups += [group] if group not in self.groups else []
        return self.answers[min(self.groups.index(group), len(self.answers) - 1)]


@pytest.fixture
def evaluated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Components, RunFolder]:
    """A run whose agent makes every mistake, with judging by rules and naming by a chat model."""
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    flags = {
        "policy": "noisy:1", "namer": "openai:one", "validation_tasks": 40,
        "validation_trials": 1, "executor": "asyncio",
    }  # fmt: skip
    made = Components(load_config(preset="quick", flags=flags), open_registry())
    store = RunFolder.create(tmp_path / "run", made.config.plain())
    evaluate_once(made, store, "validation")
    return made, store


Serve = Callable[[Wire, Callable[[Asked], Reply]], ChatServer]


def test_patterns_have_the_models_words_and_the_cache_gives_them_again(
    evaluated: tuple[Components, RunFolder], serve: Serve
) -> None:
    names = [label(f"goes wrong in way {word}") for word in "abcdefghijklmnopqrstuvwxyz"]
    provider = Namer(*names)
    serve("openai", provider)
    parts, store = evaluated
    discover(parts, store, 1, "policy-validation")
    patterns = round_patterns(store, 1)
    assert len(patterns) > 2
    assert {p.named_by for p in patterns} == {"openai:one"}
    assert all(p.name.startswith("goes wrong in way") for p in patterns)
    assert {p.description for p in patterns} == {GOOD}
    told = store.read_table("rounds/1/discovery.json")["names"]
    assert (told["named"], told["unusable"], told["alike"]) == (len(patterns), 0, 0)
    asked = provider.asked
    store.reopen("discover 1")
    discover(parts, store, 1, "policy-validation")
    assert provider.asked == asked, "the answers are in the cache"
    assert round_patterns(store, 1) == patterns


def test_what_cannot_be_used_leaves_the_terms_and_is_counted(
    evaluated: tuple[Components, RunFolder], serve: Serve
) -> None:
    one, other = label("takes the wrong thing"), label("Takes the wrong thing")
    serve("openai", Namer(Reply(text="I would rather not."), label("order #W1234567"), one, other))
    parts, store = evaluated
    discover(parts, store, 1, "policy-validation")
    patterns = round_patterns(store, 1)
    told = store.read_table("rounds/1/discovery.json")["names"]
    assert told["unusable"] == 2
    assert told["named"] == 1
    assert told["alike"] == len(patterns) - 3
    plain = [p for p in patterns if not p.named_by]
    assert len(plain) == len(patterns) - 1
    assert all("failures: " in p.description for p in plain)
    assert len({p.name for p in patterns}) == len(patterns)


def test_a_pattern_that_comes_back_keeps_its_name_unasked(
    evaluated: tuple[Components, RunFolder], serve: Serve
) -> None:
    provider = Namer(*(label(f"goes wrong in way {word}") for word in "abcdefghijklmnopqrst"))
    serve("openai", provider)
    parts, store = evaluated
    discover(parts, store, 1, "policy-validation")
    asked = provider.asked
    discover(parts, store, 2, "policy-validation")
    assert provider.asked == asked
    first = {p.id: p.name for p in patterns_before(store, 2)}
    assert {p.id: p.name for p in round_patterns(store, 2)} == first
    told = store.read_table("rounds/2/discovery.json")["names"]
    assert told["kept"] == told["named"] == len(first)


def test_the_namer_is_the_judges_model_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    registry = open_registry()

    def namer(**flags: object) -> str:
        found = Components(load_config(preset="quick", flags=flags), registry).namer
        return found.name if found else ""

    assert namer() == ""
    assert namer(judge="openai:one") == "openai:one"
    assert namer(judge="openai:one", namer="terms") == ""
    assert namer(namer="openai:two") == "openai:two"
    with pytest.raises(HarnessError, match="no chat model is called 'opnai'"):
        namer(namer="opnai:two")


def test_the_case_is_quoted_data_with_explanations_from_all_over_the_pattern() -> None:
    members = [
        Diagnosis(
            trajectory_id=f"t{n}", task_id="t", blame="agent", kind="wrong_item", turn=0,
            summary=f"Number {n}.\n# The other groups", tool="return_items",
        )
        for n in range(100)
    ]  # fmt: skip
    pattern = ErrorPattern(
        id="p", name="wrong item", description="", members=tuple(d.trajectory_id for d in members),
        share=1.0, exemplars=("t41", "t7"), kinds={"wrong_item": 100},
    )  # fmt: skip
    chosen = [d.trajectory_id for d in shown(pattern, members)]
    assert chosen[:2] == ["t7", "t41"]
    assert len(chosen) == SHOWN
    assert int(chosen[-1][1:]) > 70
    lines = case_of(pattern, members, ["missing step"]).splitlines()
    assert lines.count("# The other groups") == 1
    assert json.dumps("Number 7.\n# The other groups") in lines
    assert 'tool "return_items": 100' in lines
    assert lines[-1] == '"missing step"'
