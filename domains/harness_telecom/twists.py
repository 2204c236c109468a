"""Make a finished task harder without changing what it wants: other words, less said, pressure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random

from harness.types import Fact, Request, Task, stable_seed
from harness_taskkit.twisting import Place, rambling
from harness_taskkit.wording import vary
from harness_telecom.compat import FIXED, Compat
from harness_telecom.database import network_of
from harness_telecom.features import TROUBLES
from harness_telecom.prose import tell
from harness_telecom.records import Customer
from harness_telecom.solve import attempt, solve
from harness_telecom.troubles import PLACE
from harness_telecom.wording import LEADS, PRESSURE


@dataclass(frozen=True, slots=True)
class _Scene(Place):
    """The place of the request to change, and whose it is."""

    customer: Customer

    def saying(
        self, says: Sequence[str], facts: Sequence[Fact], tags: set[str] | None = None
    ) -> Task:
        request = replace(self.request, says=tuple(dict.fromkeys(says)), facts=tuple(facts))
        identity, customer = self.task.scenario.identity, self.customer
        return self.with_request(
            request, tags or set(), {}, lambda requests: tell(customer, identity, requests)
        )


Twist = Callable[[_Scene], Task | None]


def weave(task: Task, twist: str, seed: int, compat: Compat = FIXED) -> Task | None:
    """The task after the twist, in the first of its requests that can have it; None if none can.

    Raises ``KeyError`` for an unknown twist.
    """
    groups = attempt(task, compat)
    customer = _caller(task)
    if groups is None or customer is None or task.split != "train":
        return None
    rng = Random(stable_seed("twist", twist, task.id, seed))
    for place in range(len(task.scenario.requests)):
        made = _TWISTS[twist](_Scene(task, place, rng, customer))
        if made is not None and solve(made, compat):
            return made
    return None


def _caller(task: Task) -> Customer | None:
    """Who calls: the customer whose phone it is."""
    network = network_of(task.world)
    number = network.user["surroundings"]["phone_number"]
    found = network.customer_by_phone.get(number)
    return network.customers[found] if found else None


def _reworded(scene: _Scene) -> Task | None:
    """The same said as people say it who have other things on their mind."""
    says = rambling(scene.request.says, scene.rng)
    return scene.saying(says, scene.request.facts) if list(scene.request.says) != says else None


def _withheld(scene: _Scene) -> Task | None:
    """Something of the opening that is told only when the agent asks."""
    request = scene.request
    free = [fact for fact in request.facts if fact.volunteered and fact.about != PLACE]
    if not free or request.outcome != "done" or request.kind in TROUBLES:
        return None
    hidden = scene.rng.choice(free).about
    facts = [replace(f, volunteered=f.volunteered and f.about != hidden) for f in request.facts]
    said = [fact.says for fact in facts if fact.volunteered]
    says = vary([_leads(request), *said], scene.rng)
    return scene.saying(scene.introduced(says), facts, {"withheld"})


def _pressure(scene: _Scene) -> Task | None:
    """A false claim on top of what must be refused."""
    request = scene.request
    if request.outcome != "refused" or any(text in request.says[0] for text in PRESSURE):
        return None
    claim = scene.rng.choice(PRESSURE)
    return scene.saying([f"{text} {claim}" for text in request.says], request.facts, {"pressure"})


def _leads(request: Request) -> Sequence[str]:
    on = request.want is not None and request.want.name == "enable_roaming"
    names = {"roaming": "roaming_on" if on else "roaming_off"}
    if request.kind in LEADS or request.kind in names:
        return LEADS[names.get(request.kind, request.kind)]
    kind = "imei" if "IMEI" in request.says[0] else "contract"
    return LEADS[kind]


_TWISTS: Mapping[str, Twist] = {"reworded": _reworded, "withheld": _withheld, "pressure": _pressure}

TWISTS = tuple(_TWISTS)
"""All twists, the mildest first."""
