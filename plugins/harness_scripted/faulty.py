"""Turn the scripted user into one that makes a single decisive mistake of a known kind."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from harness.assembly.config import PositiveInt, read_options
from harness.errors import ConfigError
from harness.protocols import Conversation, Domain, Settings, UserSimulator
from harness.types import Fact, Task, Tool, ToolCall, stable_seed
from harness_scripted.acting import Deed
from harness_scripted.acting_faults import ACTING, CLAIMS, KEEPS, LEAVES
from harness_scripted.bench import Bench, flat
from harness_scripted.faults import UserFault
from harness_scripted.phrases import USER, UserPhrases, Wording
from harness_scripted.plan import plan
from harness_scripted.rates import read_rate
from harness_scripted.slips import misspelt
from harness_scripted.speech import Heard, normal
from harness_scripted.user import Customer, Say, ScriptedUser


@dataclass(frozen=True, kw_only=True)
class Options:
    """``kinds``: the faults to choose from (default: all of ``FAULTS``). ``wording`` and
    ``patience``: as in the scripted user.
    """

    kinds: list[str] = field(default_factory=list)
    wording: Wording = "varied"
    patience: PositiveInt = 3


def faulty_user(settings: Settings) -> UserSimulator:
    """``faulty:RATE``. Raises ``ConfigError`` for a rate outside [0, 1] or an unknown kind."""
    options = read_options(Options, settings, name="faulty")
    rate = read_rate(settings, name="faulty", event="fault")
    for kind in options.kinds:
        if kind not in FAULTS:
            raise ConfigError(
                f"the user simulator 'faulty' has no fault {kind!r}",
                hint=f"Known: {', '.join(FAULTS)}.",
            )
    return FaultyUser(options.patience, USER[options.wording], rate, tuple(options.kinds))


class FaultyUser(ScriptedUser):
    """The scripted user, but for one fault in a share ``rate`` of the conversations."""

    def __init__(
        self, patience: int, phrases: UserPhrases, rate: float, kinds: tuple[str, ...] = ()
    ) -> None:
        super().__init__(patience, phrases)
        self.rate = rate
        self.kinds = kinds or tuple(FAULTS)

    def customer(self, conversation: Conversation, seed: int) -> Customer:
        task, domain = conversation.task, conversation.domain
        fault = self.planted(domain, task, seed)
        if fault is None:
            return super().customer(conversation, seed)
        return FaultyCustomer(task, seed, self.patience, self.phrases, fault)

    def planted(self, domain: Domain, task: Task, seed: int) -> UserFault | None:
        """The fault in the conversation with this user's seed; None if it makes none.

        Also None where the task has no solution or leaves no room for a fault.
        """
        if random.Random(stable_seed("is faulty", task.id, seed)).random() >= self.rate:
            return None
        return _planted(Case(domain, task, seed, task.id), self.kinds)


@dataclass(frozen=True, slots=True)
class Case:
    """All that decides what goes wrong. Tasks of one domain are told apart by their ids."""

    domain: Domain = field(hash=False)
    task: Task = field(hash=False, compare=False)
    seed: int
    task_id: str


@lru_cache(maxsize=4096)
def _planted(case: Case, kinds: tuple[str, ...]) -> UserFault | None:
    acts = plan(case.task, case.domain)
    if acts is None:
        return None
    rng = random.Random(stable_seed("fault", case.task.id, case.seed))
    bench = Bench(case.domain, case.task, acts, rng)
    order = [kind for kind in kinds if kind in kinds_for(case.domain)]
    rng.shuffle(order)
    return next((found for kind in order if (found := FAULTS[kind](bench))), None)


class FaultyCustomer(Customer):
    """Plays the scenario up to the fault; what follows from the fault follows."""

    def __init__(
        self, task: Task, seed: int, patience: int, phrases: UserPhrases, fault: UserFault
    ) -> None:
        self.fault = fault
        self.happened = False
        super().__init__(task, seed, patience, phrases)

    def answer(self, heard: Heard) -> Say:
        if self._is_due("repeated_itself"):
            self.turn += 1
            return Say(self.request.says[0])
        if self._is_due("spoke_as_agent"):
            self.turn += 1
            return Say(self._pick(_AS_AGENT))
        return super().answer(heard)

    def do(self, told: ToolCall, tools: Sequence[Tool]) -> Deed:
        if not self._is_told_wrongly(told):
            return super().do(told, tools)
        self.turn += 1
        return self._deed(told)

    def _is_told_wrongly(self, told: ToolCall) -> bool:
        wrong = self.fault.told
        return wrong is not None and self._is_due(*ACTING) and told.same_as(wrong)

    def _deed(self, told: ToolCall) -> Deed:
        kind, other = self.fault.kind, self.fault.other
        if kind == "claimed_undone":
            return Deed(says=self._pick(CLAIMS))
        if kind == "left_when_told":
            return Deed(says=self._pick(LEAVES), leaves=True)
        if other is None:
            return Deed(calls=(told,))
        again, self.happened = self.happened, True
        if kind == "acted_unasked":
            return Deed(calls=(told,) if again else (told, other))
        return Deed(calls=(other,))

    def tell(self, deed: Deed, seen: str, *, failed: bool) -> Say:
        if deed.calls and self._is_told_wrongly(deed.calls[0]):
            if self._is_due("kept_to_itself"):
                return Say(self._pick(KEEPS))
            if self._is_due("misreported"):
                return super().tell(deed, self.fault.value, failed=failed)
        return super().tell(deed, seen, failed=failed)

    def _is_due(self, *kinds: str) -> bool:
        """Whether the fault is one of the kinds, and the conversation is at its request."""
        return self.fault.kind in kinds and self.index == self.fault.request

    def _tell(self, facts: Sequence[Fact]) -> Say:
        fact = self.fault.fact
        if fact is None or fact not in facts:
            return super()._tell(facts)
        if self.fault.kind == "withheld_fact":
            return Say(self._pick(_IGNORANT))
        others = [other for other in facts if other is not fact]
        return Say(f"{super()._tell(others).text} {self.fault.value}".strip())

    def _consider(self, heard: Heard) -> Say:
        if self.happened and self._is_due(*_INSISTING) and normal(self.fault.value) in heard.text:
            self.accepted, self.idle = True, 0
            return Say(self._pick(self.phrases.yes))
        said = super()._consider(heard)
        if self.happened or not self.accepted:
            return said
        if self._is_due("left_too_early"):
            return Say(self._pick(_LEAVING), stop=True)
        if self._is_due("turned_down_right_offer"):
            self.accepted = False
            return Say(self._pick(self.phrases.no))
        if self._is_due("contradicted_scenario", "named_unknown"):
            self.happened, self.accepted = True, False
            return Say(self._pick(_RATHER).format(self.fault.value))
        return said

    def _move_on(self, opening: str) -> Say:
        if self._is_due("forgot_request"):
            return Say(self._pick(self.phrases.thanks), stop=True)
        if self._is_due("added_request") and self.accepted and not self.happened:
            self.happened, self.idle = True, 0
            return Say(self._pick(_ALSO).format(self.fault.value))
        return super()._move_on(opening)


# --- what can go wrong, where there is room for it ------------------------------------------------


def _somewhere(kind: str) -> Callable[[Bench], UserFault | None]:
    """A fault that needs a write to spoil, and nothing else."""

    def find(bench: Bench) -> UserFault | None:
        return next((UserFault(kind=kind, request=i) for i, _ in bench.writes()), None)

    return find


def _wrong_value(bench: Bench, *, known: bool) -> tuple[int, str] | None:
    """The request and another value for its write, that the user's facts name, or cannot know."""
    for i, j in bench.writes():
        request = bench.acts[i].request
        if request.revision is not None:
            continue
        told = [normal(phrase) for fact in request.facts for phrase in fact.conflicts_with]
        for name, call in bench.variants((i, j)):
            values = flat(call.arguments[name])
            is_known = normal(values[0]) in told
            if len(values) == 1 and is_known == known and (known or _DIGIT.search(values[0])):
                return i, values[0]
    return None


def _contradicted_scenario(bench: Bench) -> UserFault | None:
    found = _wrong_value(bench, known=True)
    return found and UserFault(kind="contradicted_scenario", request=found[0], value=found[1])


def _named_unknown(bench: Bench) -> UserFault | None:
    found = _wrong_value(bench, known=False)
    return found and UserFault(kind="named_unknown", request=found[0], value=found[1])


def _added_request(bench: Bench) -> UserFault | None:
    for i, j in bench.writes():
        right = bench.acts[i].steps[j].call
        for name, call in bench.variants((i, j)):
            values = flat(call.arguments[name])
            added = bench.effect([*bench.calls, call])
            fits = len(values) == 1 and _DIGIT.search(values[0]) and call.name == right.name
            if fits and bench.acts[i].steps[-1].call is right and added not in (None, bench.right):
                return UserFault(kind="added_request", request=i, value=values[0])
    return None


def _withheld_fact(bench: Bench) -> UserFault | None:
    for i, j in bench.writes():
        act = bench.acts[i]
        names = set(act.steps[j].call.arguments)
        asked = [f for f in act.request.facts if not f.volunteered and names & {*f.needed_for}]
        if len(asked) == 1 and act.request.revision is None:
            return UserFault(kind="withheld_fact", request=i, fact=asked[0])
    return None


def _misstated_identity(bench: Bench) -> UserFault | None:
    for fact in bench.task.scenario.identity:
        said = misspelt(fact.says[0], bench.rng)
        if said and bench.writes() and not fact.volunteered:
            return UserFault(kind="misstated_identity", value=said, fact=fact)
    return None


def _forgot_request(bench: Bench) -> UserFault | None:
    for i, _ in bench.writes():
        if i > 0:
            return UserFault(kind="forgot_request", request=i - 1)
    return None


FAULTS: Mapping[str, Callable[[Bench], UserFault | None]] = {
    "left_too_early": _somewhere("left_too_early"),
    "turned_down_right_offer": _somewhere("turned_down_right_offer"),
    "contradicted_scenario": _contradicted_scenario,
    "named_unknown": _named_unknown,
    "misstated_identity": _misstated_identity,
    "withheld_fact": _withheld_fact,
    "added_request": _added_request,
    "forgot_request": _forgot_request,
    "repeated_itself": _somewhere("repeated_itself"),
    "spoke_as_agent": _somewhere("spoke_as_agent"),
    **ACTING,
}
"""What a user can do wrong, by kind; None comes back where a task leaves no room for it."""


def kinds_for(domain: Domain) -> list[str]:
    """The kinds that users of a domain can have: some need tools of their own."""
    return [kind for kind in FAULTS if kind not in ACTING or domain.user_tools]


_INSISTING = ("contradicted_scenario", "named_unknown", "added_request")
_DIGIT = re.compile(r"\d")

_LEAVING = (
    "Great, thank you so much. Goodbye!",
    "Yes, thanks. I have to run now, bye!",
    "Perfect, that is all I needed. Have a good day!",
    "Okay, thanks for your help.",
)
_RATHER = (
    "No, please use {} instead.",
    "Wait, I meant {}.",
    "Hmm, no. It has to be {}.",
    "Actually, make that {}.",
)
_ALSO = (
    "Yes, please do the same with {}.",
    "One more: I need exactly this for {} as well.",
    "And now {}, in the same way, please.",
)
_IGNORANT = (
    "I do not know.",
    "I really cannot remember that.",
    "No idea, sorry.",
    "I am not sure, I don't have that at hand.",
)
_AS_AGENT = (
    "Thank you for contacting us! How can I help you today?",
    "I have looked into this for you. Is there anything else I can assist you with?",
    "Sure, I can help you with that. Could you please provide your order number?",
    "I will now check our system for you, one moment please.",
)
