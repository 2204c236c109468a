"""The tokens that a policy sampled, beside its conversations in the run folder."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import HarnessError, RunError
from harness.evaluation.station import evaluate_policy
from harness.evaluation.token_log import read_tokens
from harness.llm.roles import open_registry
from harness.report.viewer.pack import pack
from harness.results.every_conversation import conversations
from harness.run_folder import RunFolder
from harness.training.practice import keep_practice
from harness.training.rollout_log import RolloutLog
from harness.types import Episode, Message, Task
from harness.types.names import StationName
from tests.speller import speller

TOKENS = "evals/policy-validation/tokens.jsonl"
FLAGS = MappingProxyType(
    {"domain": "retail", "executor": "asyncio", "validation_tasks": 3, "validation_trials": 2}
)


def begun(folder: Path, **flags: object) -> tuple[Components, RunFolder]:
    config = load_config(flags={**FLAGS, "keep_tokens": True, **flags})
    return Components(config, open_registry()), RunFolder.create(folder, config.plain())


def evaluated(parts: Components, store: RunFolder) -> list[Episode]:
    return evaluate_policy(parts, store, speller(parts), "policy", "validation")


@pytest.fixture
def run(tmp_path: Path) -> tuple[Components, RunFolder]:
    parts, store = begun(tmp_path / "run")
    evaluated(parts, store)
    return parts, store


def said(message: Message) -> str:
    return message.content or message.calls[0].name


def test_the_tokens_of_a_turn_are_those_of_its_message(run: tuple[Components, RunFolder]) -> None:
    found = [one for one in conversations(run[1]) if one.trajectory]
    assert len(found) == 6
    for one in found:
        assert one.trajectory is not None
        assert one.sampled is not None
        turns = {turn.message: turn for turn in one.sampled.turns}
        agent = [n for n, m in enumerate(one.trajectory.messages) if m.role == "assistant"][1:]
        assert [*turns] == agent
        for number, turn in turns.items():
            text = said(one.trajectory.messages[number])
            assert "".join(one.sampled.texts[place] for place in turn.tokens) == text
            assert [one.sampled.ids[place] for place in turn.tokens] == [ord(c) for c in text]
            assert turn.millinats[:2] == (0, -357)  # ln 0.7
            assert turn.versions == ((0, "1"), (1, "2"))


def test_without_the_setting_or_a_policy_that_can_show_them_nothing_is_kept(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "off", keep_tokens=False)
    evaluated(parts, store)
    assert not store.has(TOKENS)
    parts, store = begun(tmp_path / "text")
    evaluate_policy(parts, store, parts.named_policy("expert"), "policy", "validation")
    assert not store.has(TOKENS)


def test_a_run_that_goes_on_has_the_same_tokens(
    run: tuple[Components, RunFolder], tmp_path: Path
) -> None:
    parts, store = begun(tmp_path / "again")
    for name in (TOKENS, TOKENS.replace("tokens", "episodes")):
        half = run[1].read_text(name).splitlines(keepends=True)[:3]
        store.write_text(name, "".join(half[:2] if name == TOKENS else half))
    evaluated(parts, store)
    for name in (TOKENS, TOKENS.replace("tokens", "episodes")):
        assert store.read_text(name) == run[1].read_text(name)


def test_a_mark_holds_the_tokens_and_what_is_whole_stays(
    run: tuple[Components, RunFolder],
) -> None:
    parts, store = run
    station = StationName.evaluate("policy", "validation")
    store.finish(station, 1.0)
    whole = store.read_text(TOKENS)
    store.write_text(TOKENS, whole.replace("-357", "-358", 1))
    assert store.differences(station) == [f"{TOKENS} was changed"]
    store.clear_damaged(station)
    assert store.read_text(TOKENS) == whole.split("\n", 1)[1]
    evaluated(parts, store)
    assert store.read_text(TOKENS) == whole


Damage = Callable[[str], str]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace('"ids": [', '"ids": [7, ', 1),
        lambda text: text.replace('"tokens": [', '"tokens": [9999, ', 1),
        lambda text: text.replace('"millinats": [', '"millinats": ["a", ', 1),
        lambda text: text.replace('"message"', '"massage"', 1),
        lambda text: "[" * 99_999 + "\n" + text,
        lambda text: "\x00\n" + text,
    ],
)
def test_damaged_tokens_are_said_with_their_line(
    run: tuple[Components, RunFolder], damage: Damage
) -> None:
    store = run[1]
    store.write_text(TOKENS, damage(store.read_text(TOKENS)))
    with pytest.raises(HarnessError, match=r"tokens\.jsonl, line 1") as raised:
        list(conversations(store))
    assert raised.value.hint


def test_a_torn_line_costs_one_conversations_tokens(run: tuple[Components, RunFolder]) -> None:
    said: list[str] = []
    store = RunFolder.open(run[1].folder, warn=said.append)
    path = store.path(TOKENS)
    path.write_text(path.read_text()[:-100])
    found = list(conversations(store))
    assert sum(one.sampled is not None for one in found) == 5
    assert "incomplete last line" in said[0]


def test_rollouts_keep_their_tokens_and_their_text(tmp_path: Path) -> None:
    parts, store = begun(tmp_path / "run")
    policy, tasks = speller(parts), parts.domain.tasks("train")[:2]
    store.write_values("rounds/1/tasks.jsonl", Task, tasks)
    name = "checkpoints/rl-1/tokens.jsonl"
    kept = []
    for _ in range(2):  # the second time as by a training that was killed after its first step
        log = RolloutLog(parts, store, "rl-1")
        for step in (1, 2) if not kept else (2,):
            jobs = [(task, trial, step) for task in tasks for trial in range(2)]
            log.run(policy, jobs, guided=2)
            log.finish(step)
        kept.append(store.read_text(name))
    assert kept[0] == kept[1]
    assert len(read_tokens(store, name)) == 4  # guided turns are not the policy's own
    rollouts = [one for one in conversations(store) if one.kind == "rollout"]
    assert all(one.trajectory and one.sampled for one in rollouts)
    keep_practice(parts, store, "rl-1")
    practised = [one for one in conversations(store) if one.source == "rl-1-train"]
    assert practised
    assert all(one.sampled for one in practised)


def test_the_row_is_short(run: tuple[Components, RunFolder]) -> None:
    for line in run[1].read_text(TOKENS).splitlines():
        row = json.loads(line)
        tokens = sum(len(turn["tokens"]) for turn in row["turns"])
        assert len(line) < 1000 + 14 * tokens + 60 * len(row["turns"])


def test_rows_changed_at_random_are_read_or_refused_in_words(
    run: tuple[Components, RunFolder],
) -> None:
    store, draw = run[1], random.Random(3)
    whole = store.path(TOKENS).read_bytes()
    outcomes = set()
    for _ in range(300):
        spoiled = bytearray(whole)
        at = draw.randrange(len(whole))
        spoiled[at : at + draw.choice((0, 1, 9))] = draw.choice((b"", b"\n", b"\xff", b"9e9", b'"'))
        store.path(TOKENS).write_bytes(spoiled)
        try:
            pack({}, {}, conversations(store))
            outcomes.add("read")
        except RunError as error:
            outcomes.add("refused" if error.hint else "without a hint")
    assert outcomes == {"read", "refused"}
