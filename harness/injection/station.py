"""Make a round's targeted tasks: the context from a run's products, and its results on disk.

What is made is added to what the round has already; no task is ever taken away. All files of an
injection change in one step: one that was killed has left nothing but its conversations, which the
next need not have again.

rounds/N/tasks.jsonl      the admitted tasks with their lineage (``Task.origin``)
rounds/N/gates.jsonl      for each of them, what each gate measured
rounds/N/refused.jsonl    every refused candidate: the gate, its reason, what it measured
rounds/N/refused.json     how many were refused for each reason
rounds/N/injections.json  for each injection: quotas and what became of them, the yield of each gate
rounds/N/trials.jsonl     how each conversation on a candidate ended, as it ends
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from harness.assembly.components import Components
from harness.errors import RunError
from harness.injection.admission import (
    CHEAP,
    GateLog,
    GateRecord,
    Options,
    Refusal,
    admission_options,
)
from harness.injection.candidates import InjectionContext
from harness.injection.engine import Injected, Members, inject_tasks
from harness.injection.pool import rounds_of, tasks_of_round
from harness.injection.static_gates import Known, cheap_gates
from harness.injection.trial_runner import Trial, TrialRunner, latest
from harness.protocols import Policy
from harness.run_folder import RunFolder
from harness.runtime.counting import counted
from harness.types import ErrorPattern, Json, Split, Task, stable_seed
from harness.types.names import ArmName, EvaluationName, StationName

MADE = (
    "tasks.jsonl", "gates.jsonl", "refused.jsonl", "refused.json", "injections.json",
    "trials.jsonl",
)  # fmt: skip
"""What of a round's folder is about its tasks."""

FEW = 3
"""A pattern of fewer failures may be chance."""

SPLITS: tuple[Split, ...] = ("validation", "test")


def chosen_pattern(patterns: Sequence[ErrorPattern], wanted: str, number: int) -> ErrorPattern:
    """The pattern with that id, or whose id starts with it. Raises ``RunError``."""
    found = [pattern for pattern in patterns if pattern.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"{pattern.id} ({pattern.name})" for pattern in patterns)
    raise RunError(
        f"round {number} has {'several patterns' if found else 'no pattern'} {wanted!r}",
        hint=f"It has {known}." if known else "Run `harness discover` first.",
    )


def make_tasks(
    parts: Components,
    store: RunFolder,
    number: int,
    patterns: Sequence[ErrorPattern],
    members: Members,
    *,
    count: int,
    off: Sequence[str] = (),
    more: bool = False,
) -> None:
    """Make tasks for these patterns until the round has about ``count``, or with ``more`` about
    ``count`` more.

    ``off``: gates to leave out besides those that the configuration does. A shortfall is reported
    to the observers as a warning.
    """
    before = _written(store, number)
    here = before.tasks
    if not more:
        count -= max(len(here), before.asked)
    if count <= 0:
        return
    _warn_of_few_failures(parts, patterns)
    seed = stable_seed(parts.config.seed, "inject", *([len(here)] if here else []))
    options = admission_options(parts.config.options, off=off)
    context = _context(parts, store, number, options, count)
    made = inject_tasks(patterns, members, context, count=count, round=number, seed=seed)
    with store.together():
        _keep(store, number, before, made, context, count)
        store.mark(StationName.inject(number))
    for row in made.patterns:
        if row["ended"] and not row["admitted"]:
            message = f"no task for the pattern {row['pattern']}: {row['ended']}"
            parts.notify("warning", message=message)
    if len(made.tasks) < count:
        reasons = Counter(str(row["ended"]) for row in made.patterns if row["ended"])
        why = "; ".join(
            f"{reason} ({counted(n, 'pattern')})" for reason, n in reasons.most_common(3)
        )
        message = f"{len(made.tasks)} of {count} targeted tasks were admitted: {why}"
        parts.notify("warning", message=f"{message}. `harness tasks` has the details")


def _warn_of_few_failures(parts: Components, patterns: Sequence[ErrorPattern]) -> None:
    few = [pattern for pattern in patterns if len(pattern.members) < FEW]
    if few:
        told = ", ".join(f"{p.name} ({counted(len(p.members), 'failure')})" for p in few)
        message = f"tasks are made for what may be chance: {told}. More validation tasks or trials"
        parts.notify("warning", message=f"{message} would tell")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """What the injections of a round have written."""

    tasks: Sequence[Task] = ()
    records: Sequence[GateRecord] = ()
    refused: Sequence[Refusal] = ()
    accounts: Sequence[Mapping[str, Json]] = ()
    asked: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Quota:
    quota: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Account:
    """Of an injection's account what the next one reads: how many tasks it was to make, in older
    runs the sum of its patterns' quotas.
    """

    wanted: int | None = None
    patterns: Sequence[_Quota] = ()

    @property
    def asked(self) -> int:
        return sum(row.quota for row in self.patterns) if self.wanted is None else self.wanted


def _written(store: RunFolder, number: int) -> _Written:
    folder = f"rounds/{number}"
    name = f"{folder}/injections.json"
    accounts = store.read_value(name, list[dict[str, Any]]) if store.has(name) else []
    asked = store.read_value(name, list[_Account]) if store.has(name) else []
    return _Written(
        tasks=tasks_of_round(store, number),
        records=store.read_values(f"{folder}/gates.jsonl", GateRecord),
        refused=store.read_values(f"{folder}/refused.jsonl", Refusal),
        accounts=accounts,
        asked=sum(account.asked for account in asked),
    )


def forget_tasks(store: RunFolder, number: int) -> None:
    """Remove the round's tasks and all that is about them; its patterns stay."""
    with store.together():
        store.reopen(StationName.inject(number))
        for name in MADE:
            store.remove(f"rounds/{number}/{name}")


def _context(
    parts: Components, store: RunFolder, number: int, options: Options, count: int
) -> InjectionContext:
    earlier = [task for n in rounds_of(store) for task in tasks_of_round(store, n)]
    evaluated = [t for s in SPLITS for t in store.read_values(f"tasks/{s}.jsonl", Task)]
    plugins = parts.plugins
    known = Known(parts.domain, earlier, evaluated, plugin=plugins.domain)
    return InjectionContext(
        injector=parts.injector,
        domain=parts.domain,
        gates=cheap_gates(parts.domain, known, options, plugin=plugins.domain),
        known=known,
        options=options,
        trial_runner=_trial_runner(parts, store, number, options, count),
        reference=_reference(parts, options),
        plugins=plugins,
    )


def _trial_runner(
    parts: Components, store: RunFolder, number: int, options: Options, count: int
) -> TrialRunner | None:
    """The policy whose failures the round studies; None if the gate is off or it cannot be run."""
    if "targeted" in options.off:
        return None
    policy = _studied_policy(parts, store, number)
    if policy is None:
        parts.notify(
            "warning",
            message="the gate 'targeted' is skipped: the policy of imported conversations cannot "
            "be run on new tasks",
        )
        return None
    name, station = f"rounds/{number}/trials.jsonl", StationName.inject(number)
    most = count * options.rollouts_per_task
    known = latest(store.read_values(name, Trial))
    won = Counter(trial.success for trial in known)

    def note(trial: Trial) -> None:
        store.append(name, trial.row())
        if trial.kind:
            return
        won[trial.success] += 1
        parts.notify(
            "rollout_finished",
            station=station,
            done=won.total(),
            total=most,
            success=won[True],
            ended=trial.uncounted,
        )

    return TrialRunner(
        policy=policy,
        setup=parts.setup,
        executor=parts.executor,
        judge=parts.judge,
        seed=parts.config.seed,
        note=note,
        known={(trial.task_id, trial.trial): trial for trial in known},
    )


def _studied_policy(parts: Components, store: RunFolder, number: int) -> Policy | None:
    """The policy of the conversations that the round reads; None if they were imported."""
    name = f"rounds/{number}/discovery.json"
    evaluation = EvaluationName(
        store.read_field(name, "evaluation", str) if store.has(name) else ""
    )
    arm = evaluation.arm or ArmName.studied(number)
    if store.has(f"evals/{evaluation}/about.json"):
        return None
    if store.has(f"checkpoints/{arm}/checkpoint.json"):
        return parts.policy(store.read_checkpoint(arm))
    return parts.policy(folder=store.folder / "checkpoints" / arm / "model")


def _reference(parts: Components, options: Options) -> TrialRunner | None:
    if not options.reference or "reference" in options.off:
        return None
    return TrialRunner(
        policy=parts.named_policy(options.reference),
        setup=parts.setup_with("policy", options.reference),
        executor=parts.executor,
        judge=parts.judge,
        seed=stable_seed(parts.config.seed, "reference"),
    )


def _keep(
    store: RunFolder, number: int, before: _Written, made: Injected, context: InjectionContext,
    wanted: int,
) -> None:  # fmt: skip
    folder, log = f"rounds/{number}", context.log
    refused = [*before.refused, *log.refusals]
    store.write_values(f"{folder}/refused.jsonl", Refusal, refused)
    store.write_values(f"{folder}/gates.jsonl", GateRecord, [*before.records, *made.records])
    reasons = Counter(refusal.reason for refusal in refused)
    store.write_json(f"{folder}/refused.json", dict(reasons.most_common()))
    if context.trial_runner is not None:
        trials = sorted(context.trial_runner.known.values(), key=lambda t: (t.task_id, t.trial))
        store.write_rows(f"{folder}/trials.jsonl", [trial.row() for trial in trials])
    accounts = [*before.accounts, {"wanted": wanted, **_account(made, context, log)}]
    store.write_json(f"{folder}/injections.json", accounts)
    store.write_values(f"{folder}/tasks.jsonl", Task, [*before.tasks, *made.tasks])


def _account(made: Injected, context: InjectionContext, log: GateLog) -> dict[str, Json]:
    on = [gate for gate in CHEAP if gate not in context.options.off]
    on += ["reference"] if context.reference is not None else []
    on += ["targeted"] if context.trial_runner is not None else []
    yields: list[Json] = [dict(row) for row in log.yields()]
    patterns: list[Json] = [dict(row) for row in made.patterns]
    options = {
        key: list(v) if isinstance(v, tuple) else v for key, v in asdict(context.options).items()
    }
    runner = context.trial_runner
    return {
        "admitted": len(made.tasks),
        "refused": len(log.refusals),
        "gates": list[Json](on),
        "options": options,
        "yields": yields,
        "patterns": patterns,
        "conversations": runner.count if runner is not None else 0,
    }
