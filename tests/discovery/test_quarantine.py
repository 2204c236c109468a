from typing import Any

from harness.discovery.quarantine import counted, leave_out, quarantine, suspects
from harness.evaluation.metrics import Outcome, pass_table
from harness.types import Blame, Diagnosis


def diagnosis(id: str, blame: Blame, task: str = "t", kind: str = "x") -> Diagnosis:
    return Diagnosis(
        trajectory_id=id, task_id=task, blame=blame, kind=kind, turn=0, summary=f"{kind} on {task}"
    )


FOUND = [
    diagnosis("1", "agent"),
    diagnosis("2", "user_simulator"),
    diagnosis("3", "task", "bad", "gold_wrong"),
    diagnosis("4", "task", "bad", "gold_wrong"),
    diagnosis("5", "task", "worse", "gold_fails"),
    diagnosis("6", "tool"),
]


def test_all_but_the_agents_failures_are_held() -> None:
    assert quarantine(FOUND) == {
        "2": "user_simulator", "3": "task", "4": "task", "5": "task", "6": "tool",
    }  # fmt: skip


def test_both_conventions_are_there_faults_left_out_and_faults_as_failures() -> None:
    outcomes = {
        "1": Outcome(task_id="t", success=False),
        "2": Outcome(task_id="t", success=False),
        "0": Outcome(task_id="t", success=True),
        "9": Outcome(task_id="t", success=False, fault="agent_fault"),
    }
    left_out = leave_out(outcomes, quarantine(FOUND))
    table = pass_table(left_out, (1,))
    assert (table.pass_[1].value, table.faults) == (50.0, 2)
    assert left_out[1].fault == "fault of the user simulator"
    assert pass_table(counted(left_out), (1,)).pass_[1].value == 25.0
    kept: Any = counted(left_out, never=("agent_fault",))
    assert pass_table(kept, (1,)).faults == 1


def test_suspect_tasks_come_most_often_first_with_their_reason() -> None:
    first, second = suspects(FOUND)
    assert (first["task_id"], first["times"], first["kinds"]) == ("bad", 2, {"gold_wrong": 2})
    assert first["summary"] == "gold_wrong on bad"
    assert (second["task_id"], second["trajectory_id"]) == ("worse", "5")
