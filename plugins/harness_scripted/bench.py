"""Turn a plan into wrong calls that a fresh world accepts: near misses, and unrequested writes."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice, product

from harness.protocols import Domain
from harness.types import Changes, Json, Requestor, Task, Tool, ToolCall
from harness_scripted.plan import Act, Step
from harness_scripted.slips import options, strings, with_argument
from harness_scripted.speech import normal, touches

_MIXED = re.compile(r"\b(?=[A-Z]*\d)(?=\d*[A-Z])(?![A-Z]\d{5}\b)[A-Z\d]{6}\b")
"""An id such as 4WQ150, and not one such as L15040, whose letter says what it is the id of."""

_NUMBERS = (1, 50, 100)
"""Plausible numbers for an argument of which nothing is known."""

TRIES = 400
"""How many invented calls are tried for each tool."""


class Bench:
    """A place to try calls out: the plan, the values that look-ups show, and fresh worlds."""

    def __init__(
        self, domain: Domain, task: Task, acts: tuple[Act, ...], rng: random.Random
    ) -> None:
        self.domain = domain
        self.task = task
        self.acts = acts
        self.rng = rng
        self.tools = {tool.name: tool for tool in domain.tools}
        self.user_tools = {tool.name: tool for tool in domain.user_tools}
        self.calls = [step.call for act in acts for step in act.steps]
        self.right = self.effect(self.calls)

    def tool(self, call: ToolCall) -> Tool | None:
        """The caller's tool of that name; None if it has none."""
        return (self.user_tools if call.requestor == "user" else self.tools).get(call.name)

    def kind(self, call: ToolCall) -> str:
        tool = self.tool(call)
        return tool.kind if tool else ""

    def writes(self, by: tuple[Requestor, ...] = ("agent",)) -> list[tuple[int, int]]:
        """Where the writes of a side are: (act, step) pairs in seeded order."""
        found = [
            (i, j)
            for i, act in enumerate(self.acts)
            for j, step in enumerate(act.steps)
            if self.kind(step.call) == "write" and step.call.requestor in by
        ]
        self.rng.shuffle(found)
        return found

    def guided(self, act: Act) -> list[int]:
        """Where an act's writes are, if some of them are the user's; else []."""
        found = [j for j, step in enumerate(act.steps) if self.kind(step.call) == "write"]
        return found if any(act.steps[j].call.requestor == "user" for j in found) else []

    def outcome(self, acts: Sequence[Act]) -> Changes | None:
        """What acts change in a fresh world; None if the last of their calls fails."""
        return self.effect([step.call for act in acts for step in act.steps])

    def effect(self, calls: Sequence[ToolCall]) -> Changes | None:
        """What the calls change in a fresh world; None if the last one fails."""
        world = self.domain.open(self.task)
        results = [world.call(call) for call in calls]
        return None if results and results[-1].is_error else world.changes()

    def with_steps(self, i: int, j: int, *calls: ToolCall) -> Changes | None:
        """What the plan changes with other calls in the place of one step."""
        act = self.acts[i]
        steps = (*act.steps[:j], *(Step(call=call) for call in calls), *act.steps[j + 1 :])
        return self.outcome((*self.acts[:i], replace(act, steps=steps), *self.acts[i + 1 :]))

    def shown(self) -> list[str]:
        """The strings that the plan's look-ups show, in order, each once."""
        world = self.domain.open(self.task)
        reads = [call for call in self.calls if self.kind(call) == "read"]
        texts = [text for call in reads for text in strings(world.call(call).content)]
        return list(dict.fromkeys(texts))

    def shown_objects(self) -> list[Mapping[str, Json]]:
        """The objects in the results of the plan's look-ups, in order, whole ones before parts."""
        world = self.domain.open(self.task)
        reads = [call for call in self.calls if self.kind(call) == "read"]
        return [found for call in reads for found in objects(world.call(call).content)]

    def variants(
        self, at: tuple[int, int], *, deep: bool = False
    ) -> Iterator[tuple[str, ToolCall]]:
        """Calls like the right one but for one argument, that succeed and change something else.

        ``deep``: also by numbers and by objects in lists, which no user would name by their value.
        """
        call = self.acts[at[0]].steps[at[1]].call
        before = self.calls[: [c is call for c in self.calls].index(True)]
        names = list(call.arguments)
        self.rng.shuffle(names)
        for name in names:
            near = self.near_misses(call, name) if deep else iter(())
            for value in chain(self.alternatives(call, name), near):
                other = with_argument(call, name, value)
                effect = self.effect([*before, other])
                if effect is not None and effect != self.effect([*before, call]):
                    yield name, other

    def alternatives(self, call: ToolCall, name: str) -> Iterator[Json]:
        """Other values for an argument: those its schema lists, or else shown ones of its form."""
        value = call.arguments[name]
        inner = value[0] if isinstance(value, list) and value else value
        if not isinstance(inner, str):
            return
        used = {text for other in call.arguments.values() for text in flat(other)}
        tool = self.tool(call)
        listed = options(tool, name) if tool else []
        for other in listed or [text for text in self.shown() if shape(text) == shape(inner)]:
            if other not in used:
                yield [other, *value[1:]] if isinstance(value, list) else other

    def near_misses(self, call: ToolCall, name: str) -> Iterator[Json]:
        """Other numbers, and lists of objects of which one is another one that was shown."""
        value = call.arguments[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield from (other for other in (value + 1, value - 1) if other >= 0)
        if not isinstance(value, list):
            return
        for place, entry in enumerate(value):
            if isinstance(entry, dict):
                for other in self._others(entry):
                    if other not in value:
                        yield [*value[:place], other, *value[place + 1 :]]

    def _others(self, entry: Mapping[str, Json]) -> Iterator[dict[str, Json]]:
        """Shown objects with the same fields, then the entry with one other text of its form."""
        for found in self.shown_objects():
            if entry.keys() <= found.keys():
                told = {name: found[name] for name in entry}
                yield {n: entry[n] if value is None else value for n, value in told.items()}
        for name, value in entry.items():
            if isinstance(value, str):
                alike = [text for text in self.shown() if shape(text) == shape(value) != value]
                yield from ({**entry, name: text} for text in alike)

    def inventions(self, words: Sequence[str]) -> Iterator[ToolCall]:
        """Writes of tools whose name touches one of the words, with plausible arguments."""
        for tool in self.tools.values():
            if tool.kind != "write" or not touches(normal(tool.name), words):
                continue
            names = list(tool.nouns) or list(properties(tool))
            for values in islice(product(*(self._guesses(tool, n) for n in names)), TRIES):
                call = ToolCall(name=tool.name, arguments=dict(zip(names, values, strict=True)))
                if self.effect([*self.calls, call]) not in (None, self.right):
                    yield call

    def _guesses(self, tool: Tool, name: str) -> list[Json]:
        known = [call.arguments[name] for call in self.calls if name in call.arguments]
        if known or options(tool, name):
            return known[:1] or list(options(tool, name)[:1])
        texts = [text for text in self.shown() if re.search(r"\d", text)]
        schema = properties(tool).get(name)
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        if kind in ("integer", "number"):
            return list(_NUMBERS)
        if kind == "array":
            return self._shown_lists(schema, name) or [[text] for text in texts]
        return [*texts]

    def _shown_lists(self, schema: object, name: str) -> list[Json]:
        """The shown lists of that name, if the schema wants objects: with the fields it wants."""
        items = schema.get("items") if isinstance(schema, Mapping) else None
        fields = items.get("properties") if isinstance(items, Mapping) else None
        if not isinstance(fields, Mapping):
            return []
        found: list[Json] = []
        for shown in self.shown_objects():
            entries = shown.get(name)
            if isinstance(entries, list) and entries:
                told = [e for e in entries if isinstance(e, dict) and fields.keys() <= e.keys()]
                found.append([{field: entry[field] for field in fields} for entry in told])
        return found


def properties(tool: Tool) -> Mapping[str, Json]:
    """The schemas of a tool's arguments, by name."""
    found = tool.parameters.get("properties")
    return found if isinstance(found, Mapping) else {}


def shape(text: str) -> str:
    """Runs of digits as 0, so that ids of one form look alike; so do ids of letters and digits."""
    return re.sub(r"\d+", "0", _MIXED.sub("X0", text))


def objects(content: str) -> Iterator[Mapping[str, Json]]:
    """All objects in a tool's answer, each before those in it; none in what is no JSON."""
    try:
        left: list[Json] = [json.loads(content)]
    except (ValueError, RecursionError):
        return
    while left:
        value = left.pop(0)
        if isinstance(value, dict):
            yield value
            left += value.values()
        elif isinstance(value, list):
            left += value


def flat(value: Json) -> list[str]:
    """The texts in an argument's value: those of a list, or the one it is."""
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
