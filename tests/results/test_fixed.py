"""What a round fixed: failures on test tasks by pattern, and one task before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.report import render, to_html
from harness.results.report_document import summarise
from harness.results.side_by_side import parting
from harness.run_folder import RunFolder
from harness.types import Diagnosis, ErrorPattern, Origin, Scenario, Task

Turn = dict[str, Any]


@pytest.fixture
def store(tmp_path: Path) -> RunFolder:
    """A run whose round 1 made tasks for "wrong" and "missing", and none for "slow"."""
    store = RunFolder.create(tmp_path / "run", {"domain": "weather", "seed": 3})
    patterns = [pattern("missing"), pattern("wrong"), pattern("slow")]
    store.write_values("rounds/1/patterns.jsonl", ErrorPattern, patterns)
    found = [diagnosis(f"v-{p.id}", "v", p.id) for p in patterns]
    store.write_values("rounds/1/diagnoses.jsonl", Diagnosis, found)
    store.write_values("rounds/1/tasks.jsonl", Task, [made_for("wrong"), made_for("missing")])
    return store


def pattern(id: str) -> ErrorPattern:
    return ErrorPattern(id=id, name=f"{id} one", description="", members=(f"v-{id}",), share=0.3)


def diagnosis(trajectory_id: str, task_id: str, kind: str) -> Diagnosis:
    return Diagnosis(
        trajectory_id=trajectory_id, task_id=task_id, blame="agent", kind=kind, turn=1, summary=""
    )


def made_for(pattern_id: str) -> Task:
    origin = Origin(
        pattern_id=pattern_id, parent_task_id="v", trajectory_id="v", round=1, injector="i", seed=0
    )
    return Task(
        id=f"made-for-{pattern_id}", domain="weather", split="train",
        scenario=Scenario(reason=""), world={}, origin=origin,
    )  # fmt: skip


def call(name: str, **arguments: str) -> Turn:
    return {"role": "assistant", "calls": [{"name": name, "arguments": arguments}]}


def said(text: str, role: str = "assistant") -> Turn:
    return {"role": role, "content": text}


def had(
    store: RunFolder, arm: str, tasks: dict[str, Sequence[str]], *, diagnosed: bool = True
) -> None:
    """An arm on test tasks: a trial for each word, which says how it failed ("": it did not)."""
    mistakes = []
    for task_id, ways in tasks.items():
        for trial, way in enumerate(ways):
            id = f"{arm}-{task_id}-{trial}"
            ended = "infrastructure_fault" if way == "fault" else "user_stop"
            turns = [said("Hello."), said("Do both.", "user"), call("one", of=task_id)]
            turns += [call("two", of=task_id)] if not way else [said(f"Not so: {way}.")]
            trajectory = {
                "id": id, "task_id": task_id, "trial": trial, "ended": ended, "messages": turns,
            }  # fmt: skip
            row: dict[str, object] = {"trajectory": trajectory, "score": {"success": not way}}
            store.append(f"evals/{arm}-test/episodes.jsonl", row)
            if way not in ("", "fault"):
                mistakes.append(diagnosis(id, task_id, way))
    if diagnosed:
        store.write_values(f"evals/{arm}-test/mistakes.jsonl", Diagnosis, mistakes)


def fixed(store: RunFolder) -> Any:
    [row] = summarise(store, complete=False)["fixed"]  # type: ignore[misc]
    return row


def test_a_pattern_has_its_failures_before_after_and_under_the_control(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong", "wrong"], "b": ["wrong", ""], "c": ["slow", "other"]})
    had(store, "rl-1", {"a": ["", "wrong"], "b": ["", ""], "c": ["slow", "missing"]})
    had(store, "generic-1", {"a": ["wrong", "wrong"], "b": ["", ""], "c": ["", ""]})
    row = fixed(store)
    assert (row["before"], row["after"], row["controls"]) == ("sft", "rl-1", ["generic-1"])
    assert row["tasks"] == 3
    wrong, missing = row["patterns"]
    assert (wrong["id"], wrong["name"], missing["id"]) == ("wrong", "wrong one", "missing")
    assert wrong["failures"] == {"sft": 3, "rl-1": 1, "generic-1": 2}
    assert wrong["per_100"]["sft"]["value"] == 50.0
    assert wrong["differences"]["sft"]["value"] == pytest.approx(-33.33)
    assert wrong["differences"]["generic-1"]["value"] == pytest.approx(-16.67)
    assert wrong["differences"]["sft"]["low"] < -33.33 < wrong["differences"]["sft"]["high"] <= 0
    assert missing["failures"] == {"sft": 0, "rl-1": 1, "generic-1": 0}
    assert row["targeted"]["failures"] == {"sft": 3, "rl-1": 2, "generic-1": 2}
    assert row["others"]["failures"] == {"sft": 2, "rl-1": 1, "generic-1": 0}


def test_a_task_is_compared_with_itself_in_every_arm(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong"], "b": ["wrong"], "c": ["wrong"]})
    had(store, "rl-1", {"a": [""], "b": ["fault"], "c": [""]})
    had(store, "generic-1", {"a": ["wrong"], "b": ["wrong"]})
    row = fixed(store)
    assert row["tasks"] == 1
    assert row["patterns"][0]["failures"] == {"sft": 1, "rl-1": 0, "generic-1": 1}


def test_failures_that_are_not_the_agents_count_for_no_pattern(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong", "wrong"]})
    had(store, "rl-1", {"a": ["", ""]})
    store.write_json("evals/sft-test/blame.json", {"blame": {}, "excluded": {"sft-a-0": "task"}})
    assert fixed(store)["patterns"][0]["failures"]["sft"] == 1


def test_a_failure_without_a_diagnosis_is_among_the_others(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong", "wrong"]})
    had(store, "rl-1", {"a": ["", ""]})
    store.write_values("evals/sft-test/mistakes.jsonl", Diagnosis, [])
    row = fixed(store)
    assert row["patterns"][0]["failures"]["sft"] == 0
    assert row["others"]["failures"]["sft"] == 2


def test_the_second_round_is_compared_with_the_first(store: RunFolder) -> None:
    for name in ("patterns", "diagnoses", "tasks"):
        text = (store.folder / f"rounds/1/{name}.jsonl").read_text()
        (store.folder / "rounds/2").mkdir(exist_ok=True)
        (store.folder / f"rounds/2/{name}.jsonl").write_text(text)
    for arm, ways in (("sft", "wrong"), ("rl-1", "wrong"), ("rl-2", ""), ("generic-1", "")):
        had(store, arm, {"a": [ways]})
    first, second = summarise(store, complete=False)["fixed"]  # type: ignore[misc]
    assert first["controls"] == ["generic-1"]  # type: ignore[index, call-overload]
    assert second["before"] == "rl-1"  # type: ignore[index, call-overload]
    assert second["controls"] == []  # type: ignore[index, call-overload]


@pytest.mark.parametrize("undiagnosed", ["sft", "rl-1"])
def test_a_run_that_kept_no_kinds_of_mistakes_says_so(store: RunFolder, undiagnosed: str) -> None:
    for arm, way in (("sft", "wrong"), ("rl-1", "")):
        had(store, arm, {"a": [way]}, diagnosed=arm != undiagnosed)
    row = fixed(store)
    assert row["why_not"] == (
        f"the test failures of {undiagnosed} were not diagnosed by kind of mistake"
    )
    assert set(row) == {"round", "before", "after", "why_not"}


def test_a_control_that_was_not_diagnosed_is_left_out(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong"]})
    had(store, "rl-1", {"a": [""]})
    had(store, "control-1", {"a": [""]}, diagnosed=False)
    assert fixed(store)["controls"] == []


def test_the_control_of_runs_of_before_is_one_too(store: RunFolder) -> None:
    for arm, way in (("sft", "wrong"), ("rl-1", ""), ("control-1", "wrong")):
        had(store, arm, {"a": [way]})
    assert fixed(store)["controls"] == ["control-1"]
    found: Any = summarise(store, complete=False)["arms"]
    better = next(arm for arm in found if arm["name"] == "rl-1")
    assert [d["against"] for d in better["further_differences"]] == ["control-1"]


def test_a_run_without_a_round_has_no_such_part(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong"]})
    assert summarise(store, complete=False)["fixed"] == []


def test_without_targeted_tasks_or_common_tasks_there_is_a_reason(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong"]})
    had(store, "rl-1", {"b": [""]})
    assert fixed(store)["why_not"] == "no test task has a trial that counts in every arm"
    store.remove("rounds/1/tasks.jsonl")
    assert fixed(store)["why_not"] == "no pattern of the round has targeted tasks"


def test_the_example_is_the_task_of_the_top_pattern_that_changed_most(store: RunFolder) -> None:
    had(
        store,
        "sft",
        {
            "a": ["wrong", "wrong", ""],
            "b": ["wrong", "missing", "wrong"],
            "c": ["wrong", "wrong", "wrong"],
            "d": ["missing", "missing", "missing"],
        },
    )
    had(
        store,
        "rl-1",
        {"a": ["", "", ""], "b": ["", "", "wrong"], "c": ["", "slow", "slow"], "d": ["", "", ""]},
    )
    example = fixed(store)["example"]
    assert (example["task_id"], example["pattern"]) == ("a", "wrong")
    assert example["solved"]["sft"] == {"successes": 1, "trials": 3}
    assert example["before"]["trajectory_id"] == "sft-a-0"
    assert example["after"]["trajectory_id"] == "rl-1-a-0"
    assert example["shared"] == example["before"]["parts_at"] == 3
    assert example["after"]["messages"][3]["calls"] == ["two(of=a)"]
    assert example == fixed(store)["example"]


def test_conversations_of_the_same_trial_are_preferred(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong", "wrong", "wrong"]})
    had(store, "rl-1", {"a": ["slow", "", ""]})
    example = fixed(store)["example"]
    assert (example["before"]["trial"], example["after"]["trial"]) == (1, 1)


def test_where_no_task_went_from_failed_to_solved_there_is_no_example(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong", ""], "b": ["wrong", "wrong"]})
    had(store, "rl-1", {"a": ["", ""], "b": ["", "wrong"]})
    assert fixed(store)["example"] is None


def test_conversations_without_text_give_no_example(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong"]})
    row: dict[str, object] = {
        "trajectory": {"id": "x", "task_id": "a", "ended": "user_stop"},
        "score": {"success": True},
    }
    store.append("evals/rl-1-test/episodes.jsonl", row)
    store.write_values("evals/rl-1-test/mistakes.jsonl", Diagnosis, [])
    assert fixed(store)["example"] is None


def test_the_rows_can_be_drawn(store: RunFolder) -> None:
    had(store, "sft", {"a": ["wrong"]})
    had(store, "rl-1", {"a": [""]})
    report = summarise(store, complete=False)
    render(report)
    assert "Not so: wrong." in to_html(report)


def turns(*found: Turn) -> list[Turn]:
    return [{"content": "", "calls": [], **one} for one in found]


def test_conversations_part_where_the_agent_first_differs() -> None:
    alike = [said("Hello."), said("Do both.", "user"), call("one")]
    own, other = turns(*alike, said("Done.")), turns(*alike, said("And the other?"), call("two"))
    assert parting(own, other, 3) == (3, 3)


def test_words_that_differ_before_the_last_shared_call_mean_nothing() -> None:
    own = turns(said("Hello."), said("Hm.", "user"), said("Sure."), call("one"), said("Done."))
    other = turns(said("Hello."), said("Hm.", "user"), call("one"), said("Next."), call("two"))
    assert parting(own, other, 2) == (4, 4)


def test_a_conversation_may_end_where_the_other_goes_on() -> None:
    own = turns(said("Hello."), call("one"))
    assert parting(own, turns(said("Hello."), call("one"), call("two")), 2) == (2, 2)
