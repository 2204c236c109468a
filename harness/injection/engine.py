"""Turn error patterns into targeted tasks: explore and write, prove, admit.

Each pattern has its quota. Candidates come from an injector, pass the cheap gates one by one and
those that run conversations in batches. One that is too easy is made harder and tried again. What
one pattern cannot fill goes to the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.errors import RunError
from harness.injection.admission import WITH_ROLLOUTS, GateLog, GateRecord, Verdict, pass_gates
from harness.injection.candidates import NOT_MADE, Candidate, CandidateSource, InjectionContext
from harness.injection.quotas import quotas
from harness.injection.rollout_gates import TOO_EASY, TOO_HARD, Aim, doable, targeted
from harness.runtime import event_loop
from harness.types import Diagnosis, Episode, ErrorPattern, Json, Task

MOST_AHEAD = 4

Members = Mapping[str, Sequence[tuple[Episode, Diagnosis]]]
"""The failures of each pattern with their diagnoses, by pattern id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """What was admitted, with its gate records, and for each pattern what it asked for and got."""

    tasks: tuple[Task, ...]
    records: tuple[GateRecord, ...]
    patterns: tuple[Mapping[str, Json], ...]


def inject_tasks(
    patterns: Sequence[ErrorPattern],
    members: Members,
    context: InjectionContext,
    *,
    count: int,
    round: int,
    seed: int,
) -> Injected:
    """About ``count`` admitted tasks, dealt out to the patterns in proportion to their shares.

    Fewer come back where too little can be made or admitted; ``Injected.patterns`` says why, the
    context's log for which reasons. Raises ``RunError`` if the injector made no candidate at all,
    though it tried.
    """
    made = event_loop.run(_inject(patterns, members, context, count, round, seed))
    reasons = context.log.reasons
    if not made.tasks and set(reasons) == {NOT_MADE}:
        raise RunError(
            f"the injector could make none of {reasons[NOT_MADE]} candidates",
            hint="Choose another injector or model, or repeat the command.",
        )
    return made


async def _inject(
    patterns: Sequence[ErrorPattern],
    members: Members,
    context: InjectionContext,
    count: int,
    round: int,
    seed: int,
) -> Injected:
    options = context.options
    shares = {pattern.id: pattern.share for pattern in patterns}
    first = quotas(shares, count, floor=options.floor, cap=options.cap)
    sources = [
        CandidateSource(pattern, members[pattern.id], context, first[pattern.id], round, seed)
        for pattern in patterns
    ]
    while open_ := [source for source in sources if not source.ended or source.harder]:
        missing = count - sum(source.had for source in sources)
        if missing <= 0:
            break
        more = _shared_out(open_, missing)
        afforded = count * options.rollouts_per_task - sum(source.tried for source in sources)
        batch: list[tuple[CandidateSource, Candidate]] = []
        for source in open_:
            spent = len(batch) * options.trials
            batch += await source.draw(more[source.pattern.id], _ahead(context), afforded - spent)
        for source, candidate in await _proved(batch, context):
            source.admit(candidate)
    _use_spare(sources, count)
    if options.fill:
        _use_unproven(sources, count, context)
    admitted = [candidate for source in sources for candidate in source.admitted]
    return Injected(
        tasks=tuple(candidate.task for candidate in admitted),
        records=tuple(
            GateRecord(task_id=candidate.task.id, gates=candidate.measured)
            for candidate in admitted
        ),
        patterns=tuple(source.account() for source in sources),
    )


def _shared_out(open_: Sequence[CandidateSource], missing: int) -> dict[str, int]:
    """How many tasks each open source is to bring now: its own quota's rest, then others'."""
    own = {source.pattern.id: max(0, source.quota - source.had) for source in open_}
    if sum(own.values()) > 0:
        return own
    return quotas({source.pattern.id: source.pattern.share for source in open_}, missing, floor=0)


def _use_spare(sources: Sequence[CandidateSource], count: int) -> None:
    """Fill what is missing with what passed beyond a pattern's quota, one pattern after the other;
    refuse the rest.
    """
    missing = count - sum(source.had for source in sources)
    for source, candidate in _in_turn([(source, source.spare) for source in sources], missing):
        source.admitted.append(candidate)
    for source in sources:
        source.let_go()


def _use_unproven(
    sources: Sequence[CandidateSource], count: int, context: InjectionContext
) -> None:
    """Fill what is still missing with what may be too hard; its record says that it is unproven."""
    missing = count - sum(source.had for source in sources)
    piles = [(source, source.unproven) for source in sources]
    for source, candidate in _in_turn(piles, sum(len(pile) for _, pile in piles)):
        # What got in since it was refused may be nearly the same.
        if missing > 0 and pass_gates(context.gates, candidate.task, GateLog()) is not None:
            context.known.add(candidate.task)
            source.admitted.append(candidate)
            source.filled += 1
            missing -= 1


def _in_turn(
    piles: Sequence[tuple[CandidateSource, list[Candidate]]], count: int
) -> Iterator[tuple[CandidateSource, Candidate]]:
    """At most ``count`` candidates taken from the piles, one from each in turn."""
    while count > 0 and any(pile for _, pile in piles):
        for source, pile in piles:
            if pile and count > 0:
                yield source, pile.pop(0)
                count -= 1


def _ahead(context: InjectionContext) -> int:
    """How many candidates to try for each wanted task, so that few batches do: by the yield."""
    seen, passed = (counts["targeted"] for counts in (context.log.seen, context.log.passed))
    return min(MOST_AHEAD, 1 + seen // (passed + 1)) if context.trial_runner is not None else 1


async def _proved(
    batch: Sequence[tuple[CandidateSource, Candidate]], context: InjectionContext
) -> list[tuple[CandidateSource, Candidate]]:
    """Those of the batch that pass the gates with conversations; the others are refused, and the
    too easy ones queued in a harder form.
    """
    left = list(batch)
    for gate in WITH_ROLLOUTS:
        verdicts = await _verdicts(gate, left, context)
        if verdicts is None:
            continue
        passed = []
        for (source, candidate), verdict in zip(left, verdicts, strict=True):
            context.log.note(gate, verdict, candidate.task, source.pattern.id)
            if not verdict.reason:
                candidate.measured[gate] = verdict.measured
                passed.append((source, candidate))
                continue
            context.known.forget(candidate.task)
            if verdict.reason == TOO_HARD:
                candidate.measured[gate] = {"unproven": verdict.reason, **verdict.measured}
                source.unproven.append(candidate)
            if verdict.reason in (TOO_EASY, TOO_HARD):
                source.tell(candidate, too_hard=verdict.reason == TOO_HARD)
        left = passed
    return left


async def _verdicts(
    gate: str, batch: Sequence[tuple[CandidateSource, Candidate]], context: InjectionContext
) -> list[Verdict] | None:
    """The verdicts of a gate that runs conversations; None if it is off."""
    if not batch:
        return None
    if gate == "reference" and context.reference is not None:
        tasks = [candidate.task for _, candidate in batch]
        return await doable(tasks, context.reference, context.options)
    if gate == "targeted" and context.trial_runner is not None:
        aims = [Aim(candidate.task, source.pattern) for source, candidate in batch]
        verdicts = await targeted(aims, context.trial_runner, context.options)
        for source, candidate in batch:
            source.tried += len(context.trial_runner.of(candidate.task))
        return verdicts
    return None
