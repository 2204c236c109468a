"""One pattern's candidates: drawn from the injector, made harder where they are too easy, and kept
count of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import CannotInject, NothingToLearn, RolloutFault, expected, plugin_boundary
from harness.injection.admission import Gate, GateLog, Options, Verdict, pass_gates
from harness.injection.pool import content_id
from harness.injection.static_gates import Known
from harness.injection.trial_runner import TrialRunner
from harness.protocols import NO_PLUGINS, AttentiveInjector, Domain, PluginNames, TaskInjector
from harness.types import Diagnosis, Episode, ErrorPattern, Json, Task, stable_seed

FAULTS_IN_A_ROW = 8
"""After this many candidates in a row that could not be made, the pattern ends."""

NOT_MADE = "could not be made"
"""The reason of candidates that an injector failed to make."""

FULL = "not needed: the quota is full"
"""The reason of candidates that passed every gate when their pattern had enough."""


@dataclass(slots=True)
class InjectionContext:
    """What candidates are made with and proved by; ``log`` and ``known`` grow meanwhile.

    ``trial_runner`` runs the current policy on tasks, ``reference`` one that must do each task;
    None: that gate is off.
    """

    injector: TaskInjector
    domain: Domain
    gates: Sequence[Gate]
    known: Known
    options: Options
    log: GateLog = field(default_factory=GateLog)
    trial_runner: TrialRunner | None = None
    reference: TrialRunner | None = None
    plugins: PluginNames = NO_PLUGINS


@dataclass(slots=True)
class Candidate:
    """A task that passed the static gates, and what they measured."""

    task: Task
    measured: dict[str, Mapping[str, Json]]
    mutations: int = 0


class CandidateSource:
    """One pattern's candidates: drawn, made harder if they are too easy, and what got in."""

    def __init__(
        self,
        pattern: ErrorPattern,
        members: Sequence[tuple[Episode, Diagnosis]],
        context: InjectionContext,
        quota: int,
        round: int,
        seed: int,
    ) -> None:
        self.pattern, self.context, self.quota = pattern, context, quota
        self.admitted: list[Candidate] = []
        self.spare: list[Candidate] = []
        self.harder: list[Candidate] = []
        self.unproven: list[Candidate] = []
        self.drawn = self.faults = self.asked = self.tried = self.mutated = self.filled = 0
        self.ended = "" if members else "it has no failures to learn from"
        self._round = round
        self._seed = stable_seed(seed, round, pattern.id)
        self._members = members
        self._stream: AsyncIterator[Task] | None = None

    @property
    def had(self) -> int:
        return len(self.admitted)

    def admit(self, candidate: Candidate) -> None:
        """Admit the candidate, or keep it as a spare if the number asked for is reached."""
        (self.admitted if self.had < self.asked else self.spare).append(candidate)

    def let_go(self) -> None:
        """Refuse the spare candidates."""
        for candidate in self.spare:
            self.context.log.note("quota", Verdict(reason=FULL), candidate.task, self.pattern.id)
            self.context.known.forget(candidate.task)
        self.spare = []

    def account(self) -> Mapping[str, Json]:
        """What the pattern asked for and got; ``ended`` is why it ended ("": it did not)."""
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
    ) -> list[tuple[CandidateSource, Candidate]]:
        """``ahead`` candidates for each wanted task that passed the cheap gates, those made harder
        first: no more than ``afforded`` conversations can try.
        """
        if wanted <= 0:
            return []
        self.asked = max(self.asked, self.had + wanted)
        options = self.context.options
        most, candidates = self.asked * options.candidates_per_task, wanted * ahead
        if self.context.trial_runner is not None:
            left = min(afforded, self.asked * options.rollouts_per_task - self.tried)
            candidates = min(candidates, max(0, left) // options.trials)
            if candidates == 0:
                self._give_up_harder()
                self.ended = self.ended or (
                    f"no conversations are left, {self.tried} were run on this pattern"
                )
        found, self.harder = self.harder[:candidates], self.harder[candidates:]
        while len(found) < candidates and not self.ended:
            if self.drawn >= most:
                self.ended = f"too few of {self.drawn} candidates were admitted"
                break
            task = await self._next()
            measured = None if task is None else self._cheaply(task)
            if task is not None and measured is not None:
                found.append(Candidate(task, measured))
        return [(self, candidate) for candidate in found]

    def tell(self, candidate: Candidate, *, too_hard: bool) -> None:
        """Report the result to the injector; if the candidate was too easy, queue a harder form of
        it.
        """
        injector = self.context.injector
        if isinstance(injector, AttentiveInjector):
            with plugin_boundary(self.context.plugins.injector, "handling of feedback"):
                injector.hear(candidate.task, too_hard=too_hard)
        if not too_hard:
            self._make_harder(candidate)

    def _give_up_harder(self) -> None:
        """Forget the harder forms that no conversation is left to try."""
        for candidate in self.harder:
            self.context.known.forget(candidate.task)
        self.harder = []

    def _make_harder(self, candidate: Candidate) -> None:
        """Queue a harder form of the candidate, if there is one and it may be made yet."""
        context, task = self.context, candidate.task
        if candidate.mutations >= context.options.mutations or task.origin is None:
            return
        for twist in context.domain.twists:
            if twist == task.origin.mutation:
                continue
            with plugin_boundary(context.plugins.domain, f"twist {twist!r} on task {task.id}"):
                woven = context.domain.weave(task, twist, candidate.mutations)
            if woven is None:
                continue
            origin = replace(task.origin, mutated_from=task.id, mutation=twist)
            harder = replace(woven, origin=origin)
            harder = replace(harder, id=content_id(harder))
            measured = self._cheaply(harder)
            if measured is not None:
                self.harder.append(Candidate(harder, measured, candidate.mutations + 1))
                self.mutated += 1
                return

    def _cheaply(self, task: Task) -> dict[str, Mapping[str, Json]] | None:
        context = self.context
        measured = pass_gates(context.gates, task, context.log, self.pattern.id)
        if measured is not None:
            context.known.add(task)
        return measured

    async def _next(self) -> Task | None:
        """The next candidate under its content's id; None if it could not be made."""
        pattern, context = self.pattern, self.context
        self.drawn += 1
        try:
            doing = f"tasks for pattern {pattern.id}"
            with plugin_boundary(context.plugins.injector, doing, faults=True):
                if self._stream is None:
                    self._stream = aiter(
                        context.injector.inject(
                            pattern,
                            self._members,
                            context.domain,
                            round=self._round,
                            seed=self._seed,
                        )
                    )
                task = await anext(self._stream, None)
                if task is not None:
                    expected(Task, task, "a candidate")
                if task is not None and task.origin is None:
                    raise ValueError(f"task {task.id} has no origin")
        except RolloutFault as fault:
            verdict = Verdict(reason=NOT_MADE, measured={"why": str(fault)[:200]})
            context.log.note("made", verdict, None, pattern.id)
            self.faults += 1
            if self.faults == FAULTS_IN_A_ROW:
                self.ended = f"{FAULTS_IN_A_ROW} candidates in a row could not be made"
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
        context.log.note("made", Verdict(), task, pattern.id)
        return replace(task, id=content_id(task))
