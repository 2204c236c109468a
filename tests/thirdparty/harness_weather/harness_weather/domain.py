"""Turn seeds into what subscribers of a weather-alert service ask for, and a world to do it in."""

import json
import random
from collections.abc import Iterator, Sequence
from itertools import islice

from harness import types as t
from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults

CITIES = ("Oslo", "Lima", "Kyoto", "Accra", "Quito", "Perth")
HAZARDS = ("storm", "frost", "heat", "smog")
CHANNELS = ("email", "sms", "call")
REASONS = ("moved away", "too many messages")
ENUMS = {"city": CITIES, "hazard": HAZARDS, "channel": CHANNELS, "reason": REASONS}
PREFIX = {"train": 1, "validation": 2, "test": 3}  # of every id, so that splits share no entity
SLOTS = {
    "similar_alerts": "wrong_alert",
    "change_of_mind": "wrong_channel",
    "mandatory_flood": "should_have_refused",
    "out_of_scope": "missing_transfer",
}
RARE = {"mandatory_flood": 0.2, "out_of_scope": 0.2}
MOVED = "You are being transferred to a human."


def tool(name: str, kind: t.ToolKind, *arguments: str, followup: str = "") -> t.Tool:
    listed = {key: {"enum": list(ENUMS[key])} if key in ENUMS else {} for key in arguments}
    shape = {key: {"type": "string", **listed[key]} for key in arguments}
    nouns = {key: key.removesuffix("_id") for key in arguments}
    schema = {"type": "object", "properties": shape, "required": list(arguments)}
    about = name.replace("_", " ")
    return t.Tool(
        name=name, description=about, parameters=schema, kind=kind, nouns=nouns, followup=followup
    )


class WeatherWorld:
    """One subscriber: profile fields and alerts ("storm by email") by their keys."""

    def __init__(self, records: dict[str, str]) -> None:
        self.before, self.now = records, dict(records)

    def call(self, call: t.ToolCall) -> t.ToolResult:
        try:
            return t.ToolResult(content=json.dumps(self._do(call.name, dict(call.arguments))))
        except LookupError:
            return t.ToolResult(content=f"Error: {call.name} found nothing to do", is_error=True)

    def changes(self) -> t.Changes:
        keys = sorted({*self.before, *self.now})
        both = [(key, self.before.get(key), self.now.get(key)) for key in keys]
        return tuple(t.Change(path=(key,), before=a, after=b) for key, a, b in both if a != b)

    def _do(self, name: str, arguments: dict[str, t.Json]) -> t.Json:
        if {*arguments} not in [{*tool.nouns} for tool in Weather.tools if tool.name == name]:
            raise LookupError
        if arguments.pop("subscriber_id", self.now["subscriber_id"]) != self.now["subscriber_id"]:
            raise LookupError
        match name, arguments:
            case "find_subscriber", {"phone": phone} if phone == self.now["phone"]:
                return {"subscriber_id": self.now["subscriber_id"], "city": self.now["city"]}
            case "list_alerts", _:
                return {key: text for key, text in self.now.items() if key.startswith("A")}
            case "add_alert", {"hazard": h, "channel": c} if h in HAZARDS and c in CHANNELS:
                self.now[f"{h} by {c}"] = "added"
            case "cancel_alert", {"alert_id": str(alert), "reason": reason} if reason in REASONS:
                self.now[alert] = f"{self.now[alert]}, cancelled: {reason}"
            case "change_city", {"city": str(city)} if city in CITIES:
                self.now["city"] = city
            case "transfer_to_human_agents", _:
                pass
            case _:
                raise LookupError
        return "done"


class Weather(DomainDefaults):
    """Subscribers add and cancel alerts and move to other cities."""

    name = "weather"
    policy = (
        "Find the subscriber by phone first. Before any change, list its details and get a yes.\n"
        "Flood alerts are mandatory: refuse to cancel them. Transfer whatever is no alert or city."
    )
    tools = (
        tool("find_subscriber", "read", "phone"),
        tool("list_alerts", "read", "subscriber_id"),
        tool("add_alert", "write", "subscriber_id", "hazard", "channel"),
        tool("cancel_alert", "write", "subscriber_id", "alert_id", "reason"),
        tool("change_city", "write", "subscriber_id", "city"),
        tool("transfer_to_human_agents", "generic", "summary", followup=MOVED),
    )
    features = tuple(
        t.Feature(name=name, description=name.replace("_", " "), provokes=(kind,))
        for name, kind in {**SLOTS, "two_requests": "missing_step"}.items()
    )

    def tasks(self, split: t.Split) -> Sequence[t.Task]:
        return list(islice(self.generate(0, t.Recipe(split=split)), 60))

    def open(self, task: t.Task) -> WeatherWorld:
        return WeatherWorld(task.world)

    def solve(self, task: t.Task) -> Sequence[Sequence[t.ToolCall]]:
        find = t.ToolCall(name="find_subscriber", arguments={"phone": task.world["phone"]})
        who = {"subscriber_id": task.world["subscriber_id"]}
        extra = {
            "cancel": t.ToolCall(name="list_alerts", arguments=who),
            "bill": t.ToolCall(name="transfer_to_human_agents", arguments={"summary": "billing"}),
        }
        groups = [
            [call for call in (extra.get(request.kind), request.want) if call]
            for request in task.scenario.requests
        ]
        return [[find, *groups[0]], *groups[1:]]

    def generate(self, seed: int, recipe: t.Recipe) -> Iterator[t.Task]:
        if sum(name in SLOTS for name in recipe.required) > 2:
            raise ConfigError(f"at most two of {', '.join(SLOTS)} go together")
        # Doing nothing is right where flood alerts or bills come up: few tasks, or it would pay.
        names = {"": 1.0} | {feature.name: RARE.get(feature.name, 1.0) for feature in self.features}
        weights, number = dict(recipe.weights) or names, 0
        while number := number + 1:
            rng = random.Random(t.stable_seed(seed, recipe.split, number))
            tags = {*recipe.required} or {*rng.choices([*weights], [*weights.values()])} - {""}
            slots = [name for name in SLOTS if name in tags]
            count = 2 if "two_requests" in tags or len(slots) == 2 else 1
            slots = ["", "", *slots][-count:]
            key = t.stable_id(self.name, seed, recipe, number)
            yield build(rng, recipe.split, slots, key)


def build(rng: random.Random, split: t.Split, slots: Sequence[str], key: str) -> t.Task:
    digits = [f"{PREFIX[split]}{n}" for n in rng.sample(range(10_000, 99_999), 6)]
    me, phone, hazards = f"S{digits[0]}", f"555-{digits[1]}", rng.sample(HAZARDS, 2)
    alerts = [f"{hazards[0]} by email", f"{hazards[1]} by sms", f"{hazards[0]} by call"]
    alerts = alerts[: 3 if "similar_alerts" in slots else 2]
    owned = {f"A{number}": alert for number, alert in zip(digits[2:], alerts, strict=False)}
    records = {"subscriber_id": me, "phone": phone, "city": "Cairo"}
    records |= {f"A{digits[5]}": "flood by sms"} | owned
    forced = {"similar_alerts": "cancel", "change_of_mind": "add"}
    free = [kind for kind in ("add", "cancel", "move") if kind not in map(forced.get, slots)]
    rng.shuffle(free)
    kinds = [forced.get(slot) or slot or free.pop() for slot in slots]
    requests = [request(rng, kind, me, owned, "change_of_mind" in slots) for kind in kinds]
    who = fact("your phone number", "phone", "phone", phone, f"My phone is {phone}.")
    tags = {*slots, *(r.kind for r in requests), "two_requests" if slots[1:] else ""} - {""}
    return t.Task(
        id=key,
        domain="weather",
        split=split,
        scenario=t.Scenario(reason=requests[0].says[0], identity=(who,), requests=tuple(requests)),
        world=records,
        gold=tuple(r.want for r in requests if r.want),
        tags=tuple(sorted(tags)),
    )


def request(
    rng: random.Random, kind: str, me: str, owned: dict[str, str], revise: bool
) -> t.Request:
    flood = ("Please cancel my flood alert.", "I want my flood alert cancelled.")
    if kind == "mandatory_flood":
        no = "flood alerts are mandatory"
        return t.Request(
            kind="cancel", says=flood, verbs=("cancel",), outcome="refused", refusal=no
        )
    if kind == "out_of_scope":
        bill = ("My last bill is wrong.", "I have a question about my bill.")
        return t.Request(kind="bill", says=bill, outcome="transferred")
    (alert, text), reason, city = (rng.choice(v) for v in ([*owned.items()], REASONS, CITIES))
    hazard, (first, last, odd) = rng.choice(HAZARDS), rng.sample(CHANNELS, 3)
    name, arguments, says, facts = {
        "cancel": (
            "cancel_alert",
            {"alert_id": alert, "reason": reason},
            ("I want to cancel an alert.", "Please cancel one of my alerts."),
            (
                fact("which alert", "alert", "alert_id", alert, f"My {text}.", wrong=owned),
                fact("the reason", "reason", "reason", reason, f"It is {reason}.", wrong=REASONS),
            ),
        ),
        "move": (
            "change_city",
            {"city": city},
            ("I have moved.", "Please change my city."),
            (fact("your new city", "city", "city", city, f"I live in {city}.", wrong=CITIES),),
        ),
        "add": (
            "add_alert",
            {"hazard": hazard, "channel": last},
            (f"Please warn me about {hazard}.", f"I need a new {hazard} alert."),
            (
                fact("by which channel", "channel", "channel", first, f"By {first}.", wrong=[odd])
                if revise
                else fact(
                    "by which channel", "channel", "channel", last, f"By {last}.", wrong=CHANNELS
                ),
            ),
        ),
    }[kind]
    arguments = {"subscriber_id": me, **arguments}
    change = t.Revision(
        proposal=t.ToolCall(name=name, arguments=arguments | {"channel": first}),
        says=(f"Wait, send it by {last} instead.",),
    )
    return t.Request(
        kind=kind,
        says=says,
        facts=facts,
        want=t.ToolCall(name=name, arguments=arguments),
        verbs=(name.partition("_")[0],),
        revision=change if revise and kind == "add" else None,
    )


def fact(
    about: str, word: str, argument: str, value: str, says: str, *, wrong: Sequence[str] = ()
) -> t.Fact:
    return t.Fact(
        about=about,
        asked_by=(word,),
        says=(says, f"{says[:-1]}, please."),
        recognised_by=(value.lower(),),
        conflicts_with=tuple(other.lower() for other in wrong if other != value),
        needed_for=(argument,),
    )
