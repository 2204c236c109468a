"""The gates that need conversations: a task can be done, and the current policy fails it so.

Did it target? The policy's failure rate on the task lies in a learnable band, neither always failed
nor always passed, and its failures fall into the intended pattern more often than they do on
untargeted tasks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from harness.injection.admission import Options, Verdict
from harness.injection.trial_runner import Trial, TrialRunner
from harness.types import ErrorPattern, Json, Task

TOO_EASY = "too easy for the policy"
TOO_HARD = "too hard for the policy"
UNCOUNTED = "no conversation on it counts"
ELSEWHERE = "its failures do not match the pattern"
NOT_DONE = "the reference policy fails it"


@dataclass(frozen=True, slots=True)
class Aim:
    """A candidate and the pattern it was made for."""

    task: Task
    pattern: ErrorPattern


async def targeted(aims: Sequence[Aim], runner: TrialRunner, options: Options) -> list[Verdict]:
    """A verdict for each, in order; measured: trials, failures, and how many are of the pattern.

    Trials are run a wave at a time on those that have not passed yet, so rates of tasks that got in
    early lean to the middle.
    """
    open_ = list(aims)
    for start in range(0, options.trials, options.wave):
        wave = range(start, min(start + options.wave, options.trials))
        await runner.run([aim.task for aim in open_], wave)
        await runner.explain([a.task for a in open_ if _in_band(runner.of(a.task), options)])
        open_ = [
            aim for aim in open_ if verdict_on(runner.of(aim.task), aim.pattern, options).reason
        ]
    verdicts = [verdict_on(runner.of(aim.task), aim.pattern, options) for aim in aims]
    runner.forget([aim.task for aim in aims])
    return verdicts


def verdict_on(trials: Sequence[Trial], pattern: ErrorPattern, options: Options) -> Verdict:
    """Whether these trials on a task show that it targets the pattern."""
    counted = [trial for trial in trials if not trial.uncounted]
    failures = [trial for trial in counted if not trial.success]
    measured: dict[str, Json] = {
        "trials": len(counted),
        "failures": len(failures),
        "uncounted": len(trials) - len(counted),
    }
    if not counted:
        return Verdict(reason=UNCOUNTED, measured=measured)
    rate = len(failures) / len(counted)
    if rate < options.easiest:
        return Verdict(reason=TOO_EASY, measured=measured)
    if rate > options.hardest:
        return Verdict(reason=TOO_HARD, measured=measured)
    typical = typical_kinds(pattern)
    hits = sum(trial.blame == "agent" and trial.kind in typical for trial in failures)
    measured |= {
        "in_pattern": hits,
        "usual_share": round(pattern.share, 4),
        "kinds": dict(Counter(trial.kind for trial in failures)),
    }
    if failures and not _is_more_often(hits, len(failures), pattern.share):
        return Verdict(reason=ELSEWHERE, measured=measured)
    return Verdict(measured=measured)


async def doable(tasks: Sequence[Task], runner: TrialRunner, options: Options) -> list[Verdict]:
    """Whether the reference policy does each task often enough, in order of the tasks."""
    await runner.run(tasks, range(options.reference_trials))
    verdicts = []
    for task in tasks:
        trials = runner.of(task)
        done = sum(trial.success for trial in trials)
        measured: dict[str, Json] = {"trials": len(trials), "successes": done}
        enough = done >= options.reference_successes
        verdicts.append(Verdict(reason="" if enough else NOT_DONE, measured=measured))
    runner.forget(tasks)
    return verdicts


def typical_kinds(pattern: ErrorPattern) -> frozenset[str]:
    """The kinds of mistakes that make out a good part of the pattern's failures; all if none
    does.
    """
    return pattern.typical_kinds() or frozenset(pattern.kinds)


def _in_band(trials: Sequence[Trial], options: Options) -> bool:
    counted = [trial for trial in trials if not trial.uncounted]
    rate = sum(not trial.success for trial in counted) / len(counted) if counted else -1.0
    return options.easiest <= rate <= options.hardest


def _is_more_often(hits: int, failures: int, usual: float) -> bool:
    return hits > 0 and (hits > usual * failures or hits == failures)
