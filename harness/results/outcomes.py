"""Turn the evaluations of a run folder into outcomes by trajectory, those that are nobody's fault
but the machinery's or the user's marked as faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from harness.discovery.attribution import blamed, mistakes_of
from harness.discovery.quarantine import leave_out, quarantine
from harness.evaluation.metrics import Outcome
from harness.results.arms import arm_order
from harness.results.history import round_numbers
from harness.run_folder import RunFolder
from harness.types import Blame, Diagnosis, Json, Split
from harness.types.names import ArmName, EvaluationName


def evaluations_on(store: RunFolder, split: Split) -> dict[ArmName, EvaluationName]:
    """The run's evaluations on a split by arm, in the order in which arms are made."""
    names = map(EvaluationName, store.evaluations())
    found = {name.arm: name for name in names if name.on_split == split}
    return {arm: found[arm] for arm in sorted(found, key=arm_order)}


def outcomes_of(store: RunFolder, evaluation: str) -> dict[str, Outcome]:
    """By trajectory id."""
    return {
        row.trajectory.id: Outcome(
            task_id=row.trajectory.task_id, success=row.score.success, fault=row.uncounted
        )
        for row in store.read_outlines(evaluation)
    }


def without(outcomes: Mapping[str, Outcome], excluded: Mapping[str, Blame]) -> dict[str, Outcome]:
    """The same by trajectory id, those in quarantine as faults."""
    return dict(zip(outcomes, leave_out(outcomes, excluded), strict=True))


def quarantined(store: RunFolder, evaluations: Iterable[str]) -> dict[str, Blame]:
    """Whose fault it was, by trajectory id, for failures that were found not to be the agent's, by
    a round or on test tasks.

    Of several rounds that read one evaluation the last counts.
    """
    excluded = {id: blame for name in evaluations for id, blame in blamed(store, name).items()}
    for number in round_numbers(store):
        found = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
        again = {diagnosis.trajectory_id for diagnosis in found}
        excluded = {id: blame for id, blame in excluded.items() if id not in again}
        excluded |= quarantine(found)
    return excluded


def diagnoses_of(store: RunFolder, evaluation: str) -> list[Diagnosis]:
    """The diagnoses of the last round that read the evaluation, or else those that came with its
    file; [] if there are none.
    """
    for number in reversed(round_numbers(store)):
        found = f"rounds/{number}"
        name = f"{found}/discovery.json"
        if store.has(name) and store.read_field(name, "evaluation", str) == evaluation:
            return store.read_values(f"{found}/diagnoses.jsonl", Diagnosis)
    return store.read_values(f"evals/{evaluation}/diagnoses.jsonl", Diagnosis)


def failures_of(store: RunFolder, evaluation: str) -> list[Diagnosis] | None:
    """As ``diagnoses_of``, or, on test tasks, the agent's failures without words; None if no
    failure was diagnosed.
    """
    return diagnoses_of(store, evaluation) or mistakes_of(store, evaluation)


def table(value: Json) -> dict[str, Json]:
    """The value if it is a table, else an empty one."""
    return value if isinstance(value, dict) else {}
