"""Turn a run folder, finished or not, into all its conversations: of evaluations, of the teacher,
of training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.discovery.attribution import assigned, blamed, known_failures, mistakes_of
from harness.discovery.station import round_patterns
from harness.evaluation.station import evaluation_tasks
from harness.evaluation.token_log import read_tokens, tokens_of_evaluation, tokens_of_training
from harness.injection.pool import rounds_of, tasks_of_round
from harness.results.history import round_numbers
from harness.run_folder import EPISODES, PROOFS, RunFolder
from harness.run_folder.rows import EpisodeRow, once
from harness.run_folder.sampled import SampledTokens
from harness.training.rollout_log import TrainingRollout, read_rollouts
from harness.types import Diagnosis, Grade, Task, TermScore, Trajectory
from harness.types.names import EvaluationName

Kind = Literal["test", "validation", "train", "other", "proof", "rollout"]
"""The split of an evaluation ("other": its name has none), a proof of the teacher, or a rollout
that was trained on.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found wrong with a conversation; ``pattern_id`` is "" where it is in none.

    ``assigned``: no round read the conversation; its pattern, if any, is that of most failures with
    the same kind of mistake.
    """

    round: int
    diagnosis: Diagnosis
    pattern_id: str
    assigned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One conversation of a run.

    ``source`` names what it belongs to: an evaluation, "proofs", or "training ARM". ``task`` is
    None where the folder does not hold it. ``uncounted`` says why it is no evidence about the
    policy ("": it is), ``blame`` whose fault a failure was ("": the agent's, or nobody looked).
    ``trajectory`` and ``grade`` are None for rollouts whose text was not kept, ``sampled`` where no
    tokens were; ``step`` is 0 for all but rollouts.
    """

    source: str
    arm: str
    kind: Kind
    id: str
    task_id: str
    task: Task | None
    trial: int
    ended: str
    success: bool
    uncounted: str
    total: float
    turns: int
    tokens: int
    terms: Sequence[TermScore]
    trajectory: Trajectory | None
    grade: Grade | None
    step: int = 0
    group: int = 0
    guided: bool = False
    blame: str = ""
    findings: Sequence[Finding] = ()
    sampled: SampledTokens | None = None


@dataclass(slots=True)
class _Findings:
    """What is known of failures, by trajectory id: ``by_round`` of those that rounds read."""

    by_round: dict[str, list[Finding]] = field(default_factory=dict)
    known: dict[int, list[tuple[Diagnosis, str]]] = field(default_factory=dict)


def conversations(store: RunFolder) -> Iterator[Conversation]:
    """All of them: evaluations by name, then the proofs, then the rollouts of each training.

    Raises ``RunError`` for a file that does not fit.
    """
    findings = _findings(store)
    for name in _evaluations(store):
        yield from _evaluation(store, EvaluationName(name), findings)
    rounds = rounds_of(store)
    targeted = {task.id: task for number in rounds for task in tasks_of_round(store, number)}
    yield from _proofs(store, targeted)
    for path in sorted((store.folder / "checkpoints").glob("*/rollouts.jsonl")):
        yield from _rollouts(store, path.parent.name, targeted, findings)


def _evaluations(store: RunFolder) -> list[str]:
    """Also those of weights kept on the way to an arm."""
    folder = store.folder / "evals"
    return sorted(path.parent.relative_to(folder).as_posix() for path in folder.rglob(EPISODES))


def _evaluation(
    store: RunFolder, name: EvaluationName, findings: _Findings
) -> Iterator[Conversation]:
    tasks = {task.id: task for task in evaluation_tasks(store, name)}
    excluded = blamed(store, name)
    test = _test_findings(store, name, findings)
    tokens = read_tokens(store, tokens_of_evaluation(name))
    if name.on_split == "train":  # rollouts of the arm's training
        tokens = read_tokens(store, tokens_of_training(name.arm)) | tokens
    for row in _read(store, f"evals/{name}/{EPISODES}"):
        id = row.trajectory.id
        found = [*findings.by_round.get(id, ()), *test.get(id, ())]
        yield _of_row(
            row,
            source=name,
            arm=name.arm or name,
            kind=name.on_split or "other",
            tasks=tasks,
            blame=found[-1].diagnosis.blame if found else excluded.get(id, ""),
            findings=found,
            sampled=tokens.get(id),
        )


def _read(store: RunFolder, name: str) -> list[EpisodeRow]:
    return once(store.read_values(name, EpisodeRow))


def _proofs(store: RunFolder, targeted: Mapping[str, Task]) -> Iterator[Conversation]:
    for row in _read(store, PROOFS):
        yield _of_row(row, source="proofs", arm=row.trajectory.policy, kind="proof", tasks=targeted)


def _of_row(
    row: EpisodeRow,
    *,
    source: str,
    arm: str,
    kind: Kind,
    tasks: Mapping[str, Task],
    blame: str = "",
    findings: Sequence[Finding] = (),
    sampled: SampledTokens | None = None,
) -> Conversation:
    """A conversation whose text is kept."""
    trajectory = row.trajectory
    return Conversation(
        source=source,
        arm=arm,
        kind=kind,
        id=trajectory.id,
        task_id=trajectory.task_id,
        task=tasks.get(trajectory.task_id),
        trial=trajectory.trial,
        ended=trajectory.ended,
        success=row.score.success,
        uncounted=row.uncounted,
        total=row.score.total,
        turns=len(trajectory.messages),
        tokens=_tokens(trajectory),
        terms=row.score.terms,
        trajectory=trajectory,
        grade=row.grade,
        blame=blame,
        findings=findings,
        sampled=sampled,
    )


def _rollouts(
    store: RunFolder, arm: str, targeted: Mapping[str, Task], findings: _Findings
) -> Iterator[Conversation]:
    tokens = read_tokens(store, tokens_of_training(arm))
    for row in read_rollouts(store, arm):
        found = findings.by_round.get(row.trajectory_id, [])
        yield Conversation(
            source=f"training {arm}",
            arm=arm,
            kind="rollout",
            id=row.trajectory_id,
            task_id=row.task_id,
            task=targeted.get(row.task_id),
            trial=row.trial,
            ended=row.ended,
            success=row.success,
            uncounted=row.uncounted,
            total=row.total,
            turns=len(row.trajectory.messages) if row.trajectory else row.behaviour.turns,
            tokens=row.behaviour.tokens,
            terms=_terms(row),
            trajectory=row.trajectory,
            grade=row.grade,
            step=row.step,
            group=row.group,
            guided=row.guided,
            blame=found[-1].diagnosis.blame if found else "",
            findings=found,
            sampled=tokens.get(row.trajectory_id),
        )


def _terms(row: TrainingRollout) -> tuple[TermScore, ...]:
    return tuple(TermScore(name=name, value=value) for name, value in row.terms.items())


def _tokens(trajectory: Trajectory) -> int:
    """Those that the agent said."""
    agent = trajectory.usage.get("agent")
    return agent.tokens_out if agent else 0


def _findings(store: RunFolder) -> _Findings:
    found = _Findings()
    for number in round_numbers(store):
        of = {m: pattern.id for pattern in round_patterns(store, number) for m in pattern.members}
        for diagnosis in store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis):
            id = diagnosis.trajectory_id
            finding = Finding(
                round=number, diagnosis=diagnosis, pattern_id=of.get(id, ""), assigned=False
            )
            found.by_round.setdefault(id, []).append(finding)
        found.known[number] = known_failures(store, number)
    return found


def _test_findings(
    store: RunFolder, name: EvaluationName, findings: _Findings
) -> dict[str, list[Finding]]:
    """Of conversations on test tasks, by trajectory id; the patterns are those of the arm's round,
    of round 1 for arms of none.
    """
    number = name.arm.round or 1
    known = findings.known.get(number, [])
    imported = _imported(store, name)
    found = {one.trajectory_id: [_unread(number, one, "")] for one in imported}
    for mistake in mistakes_of(store, name) or ():
        pattern = assigned(known, mistake)
        found[mistake.trajectory_id] = [_unread(number, mistake, pattern)]
    return found


def _unread(number: int, diagnosis: Diagnosis, pattern_id: str) -> Finding:
    return Finding(round=number, diagnosis=diagnosis, pattern_id=pattern_id, assigned=True)


def _imported(store: RunFolder, name: str) -> list[Diagnosis]:
    """What the imported file itself said of its failures."""
    return store.read_values(f"evals/{name}/diagnoses.jsonl", Diagnosis)
