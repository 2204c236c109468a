"""Turn calls to chat models into counts per role, and hold them against the budget of the run."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import TypeAdapter

from harness.errors import BudgetSpent
from harness.runtime.counting import counted
from harness.types import Json, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What the calls of a run may cost together; None: no limit."""

    usd: float | None = None
    tokens: int | None = None


@dataclass(slots=True, kw_only=True)
class Counts:
    """The counts of one role's calls.

    ``usage`` is what was paid for: all answers, usable or not. ``cache_hits`` cost nothing.
    ``attempts`` are requests sent, ``retries`` those of them that repeat another. ``failures``
    counts attempts without a usable answer by cause, ``faults`` the questions that stayed
    unanswered. ``abandoned`` are the requests that were open when the run stopped: the provider may
    charge for them. ``uncounted`` are answers whose tokens the provider did not tell.
    ``notes`` are remarks for people, with how often there was cause for each.
    """

    usage: Usage = field(default_factory=Usage)
    cache_hits: int = 0
    attempts: int = 0
    retries: int = 0
    abandoned: int = 0
    uncounted: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


class Ledger:
    """The counts of a run by role. ``changed`` is called after each answer that was paid for.

    With a budget, a call starts only if it fits, supposing that it and those still open cost what
    calls cost on average; what is spent exceeds the budget by the calls in flight at most.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.budget = budget or Budget()
        self.roles: dict[str, Counts] = {}
        self.changed: Callable[[], None] = lambda: None
        self.answered_earlier: frozenset[str] = frozenset()
        self.open = 0

    def of(self, role: str) -> Counts:
        """The counts of a role, to be added to."""
        if role not in self.roles:
            self.roles[role] = Counts()
        return self.roles[role]

    @property
    def spent(self) -> Usage:
        """All that was paid for, over all roles."""
        total = Usage()
        for counts in self.roles.values():
            total = total.plus(counts.usage)
        return total

    def call(self, role: str) -> OpenCall:
        """One request that is open, from now to the end of the block. Raises ``BudgetSpent`` if it
        does not fit the budget.
        """
        self._admit()
        counts = self.of(role)
        counts.attempts += 1
        self.open += 1
        return OpenCall(self, counts)

    def note(self, role: str, words: str) -> None:
        """There was cause for a remark: to be said in the summary and in the run's report."""
        self.of(role).notes[words] += 1

    def paid(self, role: str, usage: Usage, *, is_counted: bool = True) -> None:
        """An answer came and is charged for; ``is_counted``: its tokens were told."""
        counts = self.of(role)
        counts.usage = counts.usage.plus(usage)
        counts.uncounted += not is_counted
        self.changed()

    def plain(self) -> dict[str, Json]:
        """As JSON values, by role: to be kept with the run and read back by ``recall``."""
        dumped: dict[str, Json] = _COUNTS.dump_python(dict(sorted(self.roles.items())), mode="json")
        return dumped

    def recall(self, plain: Mapping[str, Json]) -> None:
        """Continue from counts that were kept; ``answered_earlier`` are the roles with answers."""
        self.roles = _COUNTS.validate_python(plain)
        known = (role for role, counts in self.roles.items() if counts.usage.calls)
        self.answered_earlier = frozenset(known)

    def summary(self) -> str:
        """All of it in one line of plain words."""
        total, every = self.spent, self.roles.values()
        said = [
            f"{sum(c.attempts for c in every):,} sent",
            f"{sum(c.cache_hits for c in every):,} from the cache",
            f"{sum(c.retries for c in every):,} retried",
            f"{counted(sum(c.faults.total() for c in every), 'fault')}",
            f"{total.tokens_in:,} tokens in ({total.tokens_cached:,} cached), "
            f"{total.tokens_out:,} out",
            f"${total.cost_usd:,.4f}",
        ]
        notes = {words for counts in every for words in counts.notes}
        return "; ".join([", ".join(said), *self._untold(), *sorted(notes)])

    def _untold(self) -> list[str]:
        """What is to be said where providers did not tell how many tokens an answer took."""
        uncounted = sum(counts.uncounted for counts in self.roles.values())
        if not uncounted:
            return []
        is_budget = self.budget.tokens is not None or self.budget.usd is not None
        more = ", so the budget does not hold for them" if is_budget else ""
        answers = "one answer" if uncounted == 1 else f"{uncounted:,} answers"
        return [f"the tokens of {answers} are unknown: the server does not tell{more}"]

    def _admit(self) -> None:
        usd, tokens = self.budget.usd, self.budget.tokens
        if usd is None and tokens is None:
            return
        spent = self.spent
        ahead = (self.open + 1) / spent.calls if spent.calls else 0.0
        used = spent.tokens_in + spent.tokens_out
        if tokens is not None and used >= min(tokens, tokens - used * ahead):
            raise _spent(f"{used:,} of {tokens:,} tokens", "--budget-tokens")
        if usd is not None and spent.cost_usd >= min(usd, usd - spent.cost_usd * ahead):
            raise _spent(f"${spent.cost_usd:.4f} of ${usd:g}", "--budget-usd")


_COUNTS = TypeAdapter(dict[str, Counts])


def _spent(what: str, flag: str) -> BudgetSpent:
    return BudgetSpent(
        f"the budget for chat models is spent: {what}, and the next call would exceed it",
        hint="Finished work is kept; continue with a larger budget: "
        f"`harness loop --resume RUN {flag} AMOUNT`.",
    )


class OpenCall:
    """A call that is open while its block lasts; one that is cancelled was abandoned."""

    __slots__ = ("_counts", "_ledger")

    def __init__(self, ledger: Ledger, counts: Counts) -> None:
        self._ledger = ledger
        self._counts = counts

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        self._ledger.open -= 1
        self._counts.abandoned += isinstance(error, asyncio.CancelledError)
