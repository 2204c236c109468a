import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.errors import RunError
from harness.evaluation.station import stamp_data_version
from harness.report.html import to_html
from harness.report.terminal import render
from harness.results.report_document import summarise
from harness.run_folder import RunFolder
from harness.types import Checkpoint, Diagnosis, ErrorPattern


@pytest.fixture
def store(tmp_path: Path) -> RunFolder:
    return RunFolder.create(
        tmp_path / "run", {"domain": "weather", "seed": 3, "clusterer": "faiss"}
    )


def had(
    store: RunFolder,
    evaluation: str,
    outcomes: Sequence[tuple[str, bool]],
    *,
    ended: str = "user_stop",
) -> None:
    begun = len(store.read_rows(f"evals/{evaluation}/episodes.jsonl"))
    for n, (task, success) in enumerate(outcomes, start=begun):
        usage = {"agent": {"cost_usd": 0.25}, "user": {"cost_usd": 0.5}}
        trajectory = {"id": f"{evaluation}-{n}", "task_id": task, "ended": ended, "usage": usage}
        row: dict[str, object] = {"trajectory": trajectory, "score": {"success": success}}
        store.append(f"evals/{evaluation}/episodes.jsonl", row)


def report(store: RunFolder) -> Any:
    return summarise(store, complete=False)


def pattern(id: str, name: str, members: int, share: float) -> ErrorPattern:
    return ErrorPattern(
        id=id,
        name=name,
        description=f"{name}.",
        members=tuple(f"{id}-{n}" for n in range(members)),
        share=share,
        kinds={name: members},
    )


def test_a_run_that_has_just_begun_has_an_empty_report(store: RunFolder) -> None:
    found = report(store)
    assert (found["run"], found["domain"], found["seed"]) == ("run", "weather", 3)
    assert found["clusterer"] == "faiss"
    for part in ("arms", "validation", "patterns", "fixed", "pool", "rewards", "training", "blame"):
        assert found[part] == []
    assert found["seconds"] == {}
    assert (found["cost_usd"], found["complete"]) == (0, False)


def test_arms_come_in_the_order_in_which_they_were_made(store: RunFolder) -> None:
    for arm in ("control-2", "rl-10", "rl-2", "control-1", "sft", "rl-1", "base"):
        had(store, f"{arm}-test", [("a", True)])
    arms = [arm["name"] for arm in report(store)["arms"]]
    assert arms == ["base", "sft", "rl-1", "control-1", "rl-2", "control-2", "rl-10"]


def test_a_round_begins_with_its_warm_start_and_ends_with_its_controls(store: RunFolder) -> None:
    for arm in ("oracle-1", "rl-2", "generic-2", "generic-1", "rl-1", "rl-1/warm", "sft"):
        had(store, f"{arm}-test", [("a", True)])
    had(store, "rl-1/step-5-test", [("a", True)])
    arms = [arm["name"] for arm in report(store)["arms"]]
    assert arms == ["sft", "rl-1/warm", "rl-1", "generic-1", "oracle-1", "rl-2", "generic-2"]


def test_a_targeted_arm_is_compared_with_all_of_its_round(store: RunFolder) -> None:
    for arm in ("sft", "rl-1/warm", "rl-1", "generic-1", "oracle-1", "generic-2"):
        had(store, f"{arm}-test", [("a", arm == "rl-1"), ("b", True)])
    arms = {arm["name"]: arm for arm in report(store)["arms"]}
    further = arms["rl-1"]["further_differences"]
    assert [row["against"] for row in further] == ["generic-1", "oracle-1", "rl-1/warm"]
    assert {row["pass"]["1"]["value"] for row in further} == {50.0}
    assert all(set(row) == {"against", "pass", "pass_tasks", "pass_counted"} for row in further)
    for other in ("rl-1/warm", "generic-1", "oracle-1"):
        assert arms[other]["differences"]["against"] == "sft"
        assert "further_differences" not in arms[other]


def test_the_warm_start_is_a_training_of_its_own(store: RunFolder) -> None:
    for arm in ("rl-1", "rl-1/warm"):
        record = Checkpoint(id=arm, policy="tiny", path="x", record={"steps": 7})
        store.write_checkpoint(arm, record)
    assert [row["arm"] for row in report(store)["training"]] == ["rl-1/warm", "rl-1"]


def test_pass_k_is_in_percent_and_each_split_has_its_own_table(store: RunFolder) -> None:
    had(store, "sft-test", [("a", True), ("a", True), ("b", True), ("b", False)])
    had(store, "sft-validation", [("c", False)])
    found = report(store)
    [arm] = found["arms"]
    assert (arm["tasks"], arm["trials"]) == (2, 2)
    assert {k: interval["value"] for k, interval in arm["pass"].items()} == {"1": 75.0, "2": 50.0}
    assert found["validation"][0]["pass"]["1"]["value"] == 0.0


def test_faults_are_counted_apart_and_never_scored(store: RunFolder) -> None:
    had(store, "sft-test", [("a", True), ("b", True)])
    had(store, "sft-test", [("b", False)], ended="infrastructure_fault")
    [arm] = report(store)["arms"]
    assert arm["pass"]["1"]["value"] == 100.0
    assert arm["faults"] == 1
    assert arm["fault_kinds"] == {"infrastructure_fault": 1}


def test_what_is_to_be_known_of_calls_is_told_by_role(store: RunFolder) -> None:
    assert report(store)["call_notes"] == []
    store.write_json("calls.json", {"agent": {"notes": {"m takes no seed": 3}}, "user": {}})
    assert report(store)["call_notes"] == [{"role": "agent", "note": "m takes no seed", "times": 3}]


def test_what_nobody_could_grade_is_counted_apart_from_faults(store: RunFolder) -> None:
    had(store, "sft-test", [("a", True)])
    open_ = {
        "trajectory": {"id": "open", "task_id": "b", "ended": "user_stop"},
        "score": {"success": False},
    }
    store.append(
        "evals/sft-test/episodes.jsonl", {**open_, "grade": {"unjudged": ["It was polite."]}}
    )
    [arm] = report(store)["arms"]
    assert arm["pass"]["1"]["value"] == 100.0
    assert (arm["faults"], arm["fault_kinds"], arm["not_gradeable"]) == (0, {}, 1)


def test_the_version_of_the_data_is_stamped_on_the_report(store: RunFolder) -> None:
    assert report(store)["data_version"] == ""
    stamp_data_version(store, "2026-01")
    assert report(store)["data_version"] == "2026-01"


def test_the_version_of_imported_data_is_stamped_on_the_report(store: RunFolder) -> None:
    had(store, "policy-test", [("a", True)])
    store.write_json("evals/policy-test/about.json", {"data_version": "2025-12"})
    assert report(store)["data_version"] == "2025-12"


def test_a_run_does_not_go_on_with_another_version_of_the_data(store: RunFolder) -> None:
    stamp_data_version(store, "2026-01")
    stamp_data_version(store, "2026-01")
    with pytest.raises(RunError, match="'2026-01', found '2026-02'"):
        stamp_data_version(store, "2026-02")


def test_later_arms_are_compared_with_sft_on_the_same_tasks(store: RunFolder) -> None:
    had(store, "base-test", [("a", False), ("b", False)])
    had(store, "sft-test", [("a", False), ("b", True)])
    had(store, "rl-1-test", [("a", True), ("b", True)])
    base, sft, rl = report(store)["arms"]
    assert "differences" not in base
    assert "differences" not in sft
    assert rl["differences"]["against"] == "sft"
    assert rl["differences"]["pass"]["1"]["value"] == 50.0


def test_a_pattern_has_a_row_for_each_round_it_was_seen_in(store: RunFolder) -> None:
    name = "rounds/{}/patterns.jsonl"
    store.write_values(name.format(1), ErrorPattern, [pattern("p", "wrong alert", 3, 0.6)])
    second = [pattern("p", "wrong alert", 1, 0.25), pattern("q", "missing step", 2, 0.5)]
    store.write_values(name.format(2), ErrorPattern, second)
    first, other = report(store)["patterns"]
    assert first["rounds"] == [
        {"round": 1, "count": 3, "share": 0.6},
        {"round": 2, "count": 1, "share": 0.25},
    ]
    assert [row["round"] for row in other["rounds"]] == [2]


def test_blame_is_counted_by_party(store: RunFolder) -> None:
    found = [
        Diagnosis(trajectory_id=f"{n}", task_id="a", blame=party, kind="x", turn=0, summary="No.")
        for n, party in enumerate(("agent", "agent", "user_simulator"))
    ]
    store.write_values("rounds/1/diagnoses.jsonl", Diagnosis, found)
    [row] = report(store)["blame"]
    assert (row["round"], row["agent"], row["user_simulator"], row["tool"]) == (1, 2, 1, 0)


def test_costs_of_all_roles_and_evaluations_add_up(store: RunFolder) -> None:
    had(store, "sft-test", [("a", True), ("b", True)])
    had(store, "sft-validation", [("c", True)])
    assert report(store)["cost_usd"] == 2.25


def test_costs_of_warm_starts_and_of_proofs_are_costs_too(store: RunFolder) -> None:
    had(store, "rl-1/warm-test", [("a", True)])
    assert report(store)["cost_usd"] == 0.75
    usage = {"agent": {"cost_usd": 1.0}, "user": {"cost_usd": 0.5}}
    for success in (True, False):
        said = {"id": f"p-{success}", "task_id": "p", "ended": "user_stop", "usage": usage}
        row = {"trajectory": said, "score": {"success": success}}
        store.append("proofs.jsonl", row)
    assert report(store)["cost_usd"] == 3.75


def test_what_all_roles_paid_is_the_cost_of_a_run_that_called_models(store: RunFolder) -> None:
    had(store, "sft-test", [("a", True)])
    paid = {"policy": 0.25, "simulator": 0.5, "judge": 1.5, "injector": 2}
    calls = {role: {"usage": {"cost_usd": usd}} for role, usd in paid.items()}
    store.write_json("calls.json", {**calls, "namer": {"notes": {"odd": 1}}})
    assert report(store)["cost_usd"] == 4.25


def test_reward_terms_show_where_they_began_and_ended(tmp_path: Path) -> None:
    weights = {"task_success": 1.0, "length": 0.0}
    store = RunFolder.create(tmp_path / "run", {"domain": "weather", "rewards": weights})
    curve = [
        {"step": step, "reward": value, "term/task_success": value, "term/length": -0.1}
        for step, value in enumerate((0.0, 0.2, 0.4, 0.6, 0.8, 0.8, 0.9, 1.0))
    ]
    record = Checkpoint(
        id="2", policy="tiny", path="x", trained_on="tasks", record={"curve": curve}
    )
    store.write_checkpoint("rl-1", record)
    [row] = report(store)["rewards"]
    assert row["terms"] == [{"name": "task_success", "weight": 1.0, "first": 0.1, "last": 0.95}]
    assert report(store)["training"][0]["trained_on"] == "tasks"


@pytest.mark.parametrize(("tasks", "is_sure"), [(5, False), (6, True)])
def test_few_tasks_that_differ_are_no_gain_in_any_report(
    store: RunFolder, tasks: int, is_sure: bool
) -> None:
    names = [f"t{n}" for n in range(50)]
    had(store, "sft-test", [(name, False) for name in names])
    had(store, "rl-1-test", [(name, n < tasks) for n, name in enumerate(names)])
    document = report(store)
    (row,) = [arm for arm in document["arms"] if arm["name"] == "rl-1"]
    found = row["differences"]["pass"]["1"]
    assert found["low"] > 0
    assert found["p"] == pytest.approx(2 / 2**tasks, abs=1e-4)
    shown = f"+{2 * tasks}.0"
    console = Console(file=io.StringIO(), width=110, color_system="standard", force_terminal=True)
    console.print(render(document))
    file = console.file
    assert isinstance(file, io.StringIO)
    assert (f"\x1b[32m{shown}" in file.getvalue()) == is_sure
    kind = "up" if is_sure else "unsure"
    assert f'<small class="{kind}">{shown}' in to_html(document)
