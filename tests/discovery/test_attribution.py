"""Failures on test tasks: whose fault they were and what kind of mistake, and no word of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.discovery.attribution import assigned, mistakes_of
from harness.errors import RolloutFault
from harness.llm.roles import open_registry
from harness.loop import evaluate_arm
from harness.results.report_document import summarise
from harness.run_folder import RunFolder
from harness.types import Checkpoint, Diagnosis, Episode

SETTINGS = {
    "policy": "noisy:0.5", "simulator": "faulty:0.6", "executor": "asyncio",
    "test_tasks": 20, "test_trials": 2,
}  # fmt: skip


def evaluated(folder: Path, judge: object = None, **settings: object) -> RunFolder:
    """An arm on test tasks, with a user that goes wrong more often than not."""
    config = load_config(preset="quick", flags={**SETTINGS, **settings})
    store = RunFolder.create(folder, config.plain())
    store.write_checkpoint("sft", Checkpoint(id="c", policy="noisy", path=""))
    parts = Components(config, open_registry())
    if judge is not None:
        parts.__dict__["judge"] = judge
    evaluate_arm(parts, store, "sft", "test")
    return store


def arm_of(store: RunFolder) -> Any:
    [arm] = summarise(store, complete=False)["arms"]  # type: ignore[misc]
    return arm


def test_faults_of_users_on_test_tasks_are_in_both_conventions(tmp_path: Path) -> None:
    arm = arm_of(evaluated(tmp_path / "run"))
    plain = arm_of(evaluated(tmp_path / "plain", blame_tests=False))
    users = arm["blame"]["user_simulator"]
    assert users > 3
    assert arm["fault_kinds"]["fault of the user simulator"] == users
    assert arm["pass"]["1"]["value"] > plain["pass"]["1"]["value"]
    assert arm["pass_counted"] == plain["pass"]
    assert "blame" not in plain


def test_the_agents_mistakes_are_kept_by_kind_without_a_word(tmp_path: Path) -> None:
    store = evaluated(tmp_path / "run")
    mistakes = mistakes_of(store, "sft-test")
    assert mistakes
    assert len(mistakes) == arm_of(store)["blame"]["agent"]
    assert all(m.kind and m.blame == "agent" for m in mistakes)
    assert {(m.summary, m.evidence) for m in mistakes} == {("", "")}
    plain = evaluated(tmp_path / "plain", blame_tests=False)
    assert mistakes_of(plain, "sft-test") is None


def test_nothing_but_parties_leaves_the_conversations(tmp_path: Path) -> None:
    store = evaluated(tmp_path / "run")
    kept = store.read_table("evals/sft-test/blame.json")
    assert set(kept) == {"judge", "blame", "undiagnosed", "excluded"}
    ids = {row["trajectory"]["id"] for row in store.read_rows("evals/sft-test/episodes.jsonl")}  # type: ignore[index, call-overload]
    assert set(kept["excluded"]) < ids
    assert set(kept["excluded"].values()) <= {"user_simulator", "task", "tool", "infrastructure"}
    assert not list(store.folder.glob("rounds/*"))


class Silent:
    """A judge without a verdict."""

    async def diagnose(self, failure: Episode, domain: object) -> Diagnosis:
        raise RolloutFault("infrastructure_fault", "no answer")


def test_without_a_verdict_a_failure_stays_the_agents(tmp_path: Path) -> None:
    store = evaluated(tmp_path / "run", Silent())
    kept = store.read_table("evals/sft-test/blame.json")
    assert kept["excluded"] == {}
    assert kept["undiagnosed"] > 0
    assert arm_of(store)["pass"] == arm_of(store)["pass_counted"]


def test_differences_between_arms_are_there_in_both_conventions(tmp_path: Path) -> None:
    store = RunFolder.create(tmp_path / "run", {})
    for arm, wins in (("sft", 1), ("rl-1", 3)):
        for n in range(4):
            trajectory = {"id": f"{arm}-{n}", "task_id": f"t{n}", "ended": "user_stop"}
            row: dict[str, object] = {"trajectory": trajectory, "score": {"success": n < wins}}
            store.append(f"evals/{arm}-test/episodes.jsonl", row)
    excluded = {"excluded": {"rl-1-3": "user_simulator"}, "blame": {"user_simulator": 1}}
    store.write_json("evals/rl-1-test/blame.json", excluded)
    [_, better] = summarise(store, complete=False)["arms"]  # type: ignore[misc]
    found: Any = better["differences"]  # type: ignore[index, call-overload]
    assert found["pass"]["1"]["value"] == pytest.approx(200 / 3, abs=0.01)
    assert found["pass_counted"]["1"]["value"] == 50
    json.dumps(found)


def diagnosis(kind: str, tool: str = "") -> Diagnosis:
    return Diagnosis(
        trajectory_id="t", task_id="a", blame="agent", kind=kind, turn=0, summary="", tool=tool
    )


def test_a_failure_goes_to_the_pattern_of_most_failures_like_it() -> None:
    known = [
        (diagnosis("wrong", "get"), "p"),
        (diagnosis("wrong", "put"), "q"),
        (diagnosis("wrong", "put"), "q"),
        (diagnosis("missing"), "r"),
    ]
    assert assigned(known, diagnosis("wrong", "get")) == "p"
    assert assigned(known, diagnosis("wrong", "other")) == "q"
    assert assigned(known, diagnosis("missing", "get")) == "r"
    assert assigned(known, diagnosis("new")) == ""
