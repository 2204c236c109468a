"""Turn error patterns into targeted tasks: explore and write, prove, admit.

Each pattern has its quota. Candidates come from an injector, pass the cheap gates one by one and
those that hold conversations in batches. One that is too easy is made harder and tried again. What
one pattern cannot fill goes to the others.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness import eventloop
from harness.admission import PLAYED, Book, Gate, Options, Proof, Verdict, pass_gates
from harness.errors import CannotInject, NothingToLearn, RolloutFault, RunError
from harness.gates import Known
from harness.pool import content_id, quotas
from harness.protocols import AttentiveInjector, Domain, TaskInjector
from harness.registry import blame
from harness.targeting import TOO_EASY, TOO_HARD, Aim, doable, targeted
from harness.tryout import Tryout
from harness.types import Diagnosis, Episode, ErrorPattern, Json, Task, stable_seed

FAULTS_IN_A_ROW = 8
"""So many candidates in succession that could not be made end the pattern."""

NOT_MADE = "could not be made"
"""The reason of candidates that an injector failed to make."""

FULL = "not needed: the quota is full"
"""The reason of candidates that passed every gate when their pattern had enough."""

MOST_AHEAD = 4

Members = Mapping[str, Sequence[tuple[Episode, Diagnosis]]]
"""The failures of each pattern with their diagnoses, by pattern id."""


@dataclass(slots=True)
class Workshop:
    """What candidates are made with and proved by; ``book`` and ``known`` grow meanwhile.

    ``player`` is the current policy at its trials, ``reference`` a policy that must do each task;
    None: that gate is off.
    """

    injector: TaskInjector
    domain: Domain
    gates: Sequence[Gate]
    known: Known
    options: Options
    book: Book = field(default_factory=Book)
    player: Tryout | None = None
    reference: Tryout | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """What was admitted, with its proofs, and for each pattern what it asked for and got."""

    tasks: tuple[Task, ...]
    proofs: tuple[Proof, ...]
    patterns: tuple[Mapping[str, Json], ...]


def inject_tasks(
    patterns: Sequence[ErrorPattern],
    members: Members,
    workshop: Workshop,
    *,
    count: int,
    round: int,
    seed: int,
) -> Injected:
    """About ``count`` admitted tasks, dealt out to the patterns in proportion to their shares.

    Fewer come back where too little can be made or admitted; ``Injected.patterns`` says why, the
    workshop's book for which reasons. Raises ``RunError`` if the injector made no candidate at all,
    though it tried.
    """
    made = eventloop.run(_inject(patterns, members, workshop, count, round, seed))
    reasons = workshop.book.reasons
    if not made.tasks and set(reasons) == {NOT_MADE}:
        raise RunError(
            f"the injector could not make one of {reasons[NOT_MADE]} candidates",
            hint="Choose another injector or model, or try again with --resume.",
        )
    return made


async def _inject(
    patterns: Sequence[ErrorPattern],
    members: Members,
    workshop: Workshop,
    count: int,
    round: int,
    seed: int,
) -> Injected:
    options = workshop.options
    shares = {pattern.id: pattern.share for pattern in patterns}
    first = quotas(shares, count, floor=options.floor, cap=options.cap)
    sources = [
        _Source(pattern, members[pattern.id], workshop, first[pattern.id], round, seed)
        for pattern in patterns
    ]
    while open_ := [source for source in sources if not source.ended or source.harder]:
        missing = count - sum(source.had for source in sources)
        if missing <= 0:
            break
        more = _shared_out(open_, missing)
        afforded = count * options.rollouts_per_task - sum(source.held for source in sources)
        batch: list[tuple[_Source, _Candidate]] = []
        for source in open_:
            spent = len(batch) * options.trials
            batch += await source.draw(more[source.pattern.id], _ahead(workshop), afforded - spent)
        for source, candidate in await _proved(batch, workshop):
            source.admit(candidate)
    _use_spare(sources, count)
    if options.fill:
        _use_unproven(sources, count, workshop)
    admitted = [candidate for source in sources for candidate in source.admitted]
    return Injected(
        tasks=tuple(candidate.task for candidate in admitted),
        proofs=tuple(
            Proof(task_id=candidate.task.id, gates=candidate.measured) for candidate in admitted
        ),
        patterns=tuple(source.account() for source in sources),
    )


def _shared_out(open_: Sequence[_Source], missing: int) -> dict[str, int]:
    """How many tasks each open source is to bring now: its own quota's rest, then others'."""
    own = {source.pattern.id: max(0, source.quota - source.had) for source in open_}
    if sum(own.values()) > 0:
        return own
    return quotas({source.pattern.id: source.pattern.share for source in open_}, missing, floor=0)


def _use_spare(sources: Sequence[_Source], count: int) -> None:
    """Fill what is missing with what passed beyond a pattern's quota, one pattern after the other;
    refuse the rest.
    """
    missing = count - sum(source.had for source in sources)
    for source, candidate in _in_turn([(source, source.spare) for source in sources], missing):
        source.admitted.append(candidate)
    for source in sources:
        source.let_go()


def _use_unproven(sources: Sequence[_Source], count: int, workshop: Workshop) -> None:
    """Fill what is still missing with what may be too hard; its proof says that it is unproven."""
    missing = count - sum(source.had for source in sources)
    piles = [(source, source.unproven) for source in sources]
    for source, candidate in _in_turn(piles, sum(len(pile) for _, pile in piles)):
        # What got in since it was refused may be nearly the same.
        if missing > 0 and pass_gates(workshop.gates, candidate.task, Book()) is not None:
            workshop.known.add(candidate.task)
            source.admitted.append(candidate)
            source.filled += 1
            missing -= 1


def _in_turn(
    piles: Sequence[tuple[_Source, list[_Candidate]]], count: int
) -> Iterator[tuple[_Source, _Candidate]]:
    """At most ``count`` candidates taken from the piles, one from each in turn."""
    while count > 0 and any(pile for _, pile in piles):
        for source, pile in piles:
            if pile and count > 0:
                yield source, pile.pop(0)
                count -= 1


def _ahead(workshop: Workshop) -> int:
    """How many candidates to play for each wanted task, so that few batches do: by the yield."""
    seen, passed = (counts["targeted"] for counts in (workshop.book.seen, workshop.book.passed))
    return min(MOST_AHEAD, 1 + seen // (passed + 1)) if workshop.player is not None else 1


@dataclass(slots=True)
class _Candidate:
    task: Task
    measured: dict[str, Mapping[str, Json]]
    mutations: int = 0


class _Source:
    """One pattern's candidates: drawn, made harder if they are too easy, and what got in."""

    def __init__(
        self,
        pattern: ErrorPattern,
        members: Sequence[tuple[Episode, Diagnosis]],
        workshop: Workshop,
        quota: int,
        round: int,
        seed: int,
    ) -> None:
        self.pattern, self.workshop, self.quota = pattern, workshop, quota
        self.admitted: list[_Candidate] = []
        self.spare: list[_Candidate] = []
        self.harder: list[_Candidate] = []
        self.unproven: list[_Candidate] = []
        self.drawn = self.faults = self.asked = self.held = self.mutated = self.filled = 0
        self.ended = "" if members else "it has no failures to learn from"
        self._round = round
        self._seed = stable_seed(seed, round, pattern.id)
        self._members = members
        self._stream: AsyncIterator[Task] | None = None

    @property
    def had(self) -> int:
        return len(self.admitted)

    def admit(self, candidate: _Candidate) -> None:
        """Take the candidate in, or keep it to spare if as many are in as were asked for."""
        (self.admitted if self.had < self.asked else self.spare).append(candidate)

    def let_go(self) -> None:
        """Refuse what is to spare."""
        for candidate in self.spare:
            self.workshop.book.note("quota", Verdict(reason=FULL), candidate.task, self.pattern.id)
            self.workshop.known.forget(candidate.task)
        self.spare = []

    def account(self) -> Mapping[str, Json]:
        """What the pattern asked for and got; ``ended`` is why no more can be had ("": it can)."""
        return {
            "pattern": self.pattern.id,
            "quota": self.quota,
            "admitted": self.had,
            "candidates": self.drawn,
            "made_harder": self.mutated,
            "unproven": self.filled,
            "ended": self.ended if self.had < self.quota else "",
        }

    async def draw(
        self, wanted: int, ahead: int, afforded: int
    ) -> list[tuple[_Source, _Candidate]]:
        """``ahead`` candidates for each wanted task that passed the cheap gates, those made harder
        among them: no more than can be played in so many conversations.
        """
        if wanted <= 0:
            return []
        found, self.harder = self.harder, []
        self.asked = max(self.asked, self.had + wanted)
        options = self.workshop.options
        most, candidates = self.asked * options.candidates_per_task, wanted * ahead
        if self.workshop.player is not None:
            left = min(afforded, self.asked * options.rollouts_per_task - self.held)
            candidates = min(candidates, max(0, left) // options.trials)
            if candidates == 0 and not self.ended:
                self.ended = f"the conversations are spent, {self.held} of them on this pattern"
        while len(found) < candidates and not self.ended:
            if self.drawn >= most:
                self.ended = f"after {self.drawn} candidates too few of them got in"
                break
            task = await self._next()
            measured = None if task is None else self._cheaply(task)
            if task is not None and measured is not None:
                found.append(_Candidate(task, measured))
        return [(self, candidate) for candidate in found]

    def tell(self, candidate: _Candidate, *, too_hard: bool) -> None:
        """Let the injector know, and if the candidate was too easy try a harder form of it."""
        injector = self.workshop.injector
        if isinstance(injector, AttentiveInjector):
            with blame("task injector", "hearing"):
                injector.hear(candidate.task, too_hard=too_hard)
        if not too_hard:
            self._make_harder(candidate)

    def _make_harder(self, candidate: _Candidate) -> None:
        """Queue a harder form of the candidate, if there is one and it may be made yet."""
        workshop, task = self.workshop, candidate.task
        if candidate.mutations >= workshop.options.mutations or task.origin is None:
            return
        for twist in workshop.domain.twists:
            if twist == task.origin.mutation:
                continue
            with blame(workshop.domain.name, f"twist {twist!r} on task {task.id}"):
                woven = workshop.domain.weave(task, twist, candidate.mutations)
            if woven is None:
                continue
            origin = replace(task.origin, mutated_from=task.id, mutation=twist)
            harder = replace(woven, origin=origin)
            harder = replace(harder, id=content_id(harder))
            measured = self._cheaply(harder)
            if measured is not None:
                self.harder.append(_Candidate(harder, measured, candidate.mutations + 1))
                self.mutated += 1
                return

    def _cheaply(self, task: Task) -> dict[str, Mapping[str, Json]] | None:
        workshop = self.workshop
        measured = pass_gates(workshop.gates, task, workshop.book, self.pattern.id)
        if measured is not None:
            workshop.known.add(task)
        return measured

    async def _next(self) -> Task | None:
        """The next candidate under its content's id; None if it could not be made."""
        pattern, workshop = self.pattern, self.workshop
        self.drawn += 1
        try:
            with blame("task injector", f"tasks for pattern {pattern.id}"):
                if self._stream is None:
                    self._stream = aiter(
                        workshop.injector.inject(
                            pattern,
                            self._members,
                            workshop.domain,
                            round=self._round,
                            seed=self._seed,
                        )
                    )
                task = await anext(self._stream, None)
                if task is not None and task.origin is None:
                    raise ValueError(f"task {task.id} carries no origin")
        except RolloutFault as fault:
            verdict = Verdict(reason=NOT_MADE, measured={"why": str(fault)[:200]})
            workshop.book.note("made", verdict, None, pattern.id)
            self.faults += 1
            if self.faults == FAULTS_IN_A_ROW:
                self.ended = f"{FAULTS_IN_A_ROW} candidates in succession could not be made"
            return None
        except (CannotInject, NothingToLearn) as reason:
            self.drawn -= 1
            self.ended = str(reason)
            return None
        self.faults = 0
        if task is None:
            self.drawn -= 1
            self.ended = "the injector has no more candidates"
            return None
        workshop.book.note("made", Verdict(), task, pattern.id)
        return replace(task, id=content_id(task))


async def _proved(
    batch: Sequence[tuple[_Source, _Candidate]], workshop: Workshop
) -> list[tuple[_Source, _Candidate]]:
    """Those of the batch that pass the gates with conversations; the others are refused, and the
    too easy ones queued in a harder form.
    """
    left = list(batch)
    for gate in PLAYED:
        verdicts = await _played(gate, left, workshop)
        if verdicts is None:
            continue
        passed = []
        for (source, candidate), verdict in zip(left, verdicts, strict=True):
            workshop.book.note(gate, verdict, candidate.task, source.pattern.id)
            if not verdict.reason:
                candidate.measured[gate] = verdict.measured
                passed.append((source, candidate))
                continue
            workshop.known.forget(candidate.task)
            if verdict.reason == TOO_HARD:
                candidate.measured[gate] = {"unproven": verdict.reason, **verdict.measured}
                source.unproven.append(candidate)
            if verdict.reason in (TOO_EASY, TOO_HARD):
                source.tell(candidate, too_hard=verdict.reason == TOO_HARD)
        left = passed
    return left


async def _played(
    gate: str, batch: Sequence[tuple[_Source, _Candidate]], workshop: Workshop
) -> list[Verdict] | None:
    """The verdicts of a gate that holds conversations; None if it is off."""
    if not batch:
        return None
    if gate == "reference" and workshop.reference is not None:
        tasks = [candidate.task for _, candidate in batch]
        return await doable(tasks, workshop.reference, workshop.options)
    if gate == "targeted" and workshop.player is not None:
        aims = [Aim(candidate.task, source.pattern) for source, candidate in batch]
        verdicts = await targeted(aims, workshop.player, workshop.options)
        for source, candidate in batch:
            source.held += len(workshop.player.of(candidate.task))
        return verdicts
    return None
