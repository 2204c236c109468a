"""Turn a plan into wrong calls that a fresh world accepts: near misses, and unrequested writes."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, product

from harness.protocols import Domain
from harness.types import Changes, Json, Task, Tool, ToolCall
from harness_scripted.plan import Act
from harness_scripted.slips import options, strings, with_argument
from harness_scripted.speech import normal, touches

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
        self.calls = [step.call for act in acts for step in act.steps]
        self.right = self.effect(self.calls)

    def kind(self, call: ToolCall) -> str:
        return self.tools[call.name].kind if call.name in self.tools else ""

    def writes(self) -> list[tuple[int, int]]:
        """Where the writes are: (act, step) pairs in seeded order."""
        found = [
            (i, j)
            for i, act in enumerate(self.acts)
            for j, step in enumerate(act.steps)
            if self.kind(step.call) == "write"
        ]
        self.rng.shuffle(found)
        return found

    def effect(self, calls: Sequence[ToolCall]) -> Changes | None:
        """What the calls change in a fresh world; None if the last one fails."""
        world = self.domain.open(self.task)
        results = [world.call(call) for call in calls]
        return None if results and results[-1].is_error else world.changes()

    def shown(self) -> list[str]:
        """The strings that the plan's look-ups show, in order, each once."""
        world = self.domain.open(self.task)
        reads = [call for call in self.calls if self.kind(call) == "read"]
        texts = [text for call in reads for text in strings(world.call(call).content)]
        return list(dict.fromkeys(texts))

    def variants(self, at: tuple[int, int]) -> Iterator[tuple[str, ToolCall]]:
        """Calls like the right one but for one argument, that succeed and change something else."""
        call = self.acts[at[0]].steps[at[1]].call
        before = self.calls[: [c is call for c in self.calls].index(True)]
        names = list(call.arguments)
        self.rng.shuffle(names)
        for name in names:
            for value in self.alternatives(call, name):
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
        listed = options(self.tools[call.name], name)
        for other in listed or [text for text in self.shown() if shape(text) == shape(inner)]:
            if other not in used:
                yield [other, *value[1:]] if isinstance(value, list) else other

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
        is_list = isinstance(schema, Mapping) and schema.get("type") == "array"
        return [[text] if is_list else text for text in texts]


def properties(tool: Tool) -> Mapping[str, Json]:
    """The schemas of a tool's arguments, by name."""
    found = tool.parameters.get("properties")
    return found if isinstance(found, Mapping) else {}


def shape(text: str) -> str:
    """Runs of digits as 0, so that ids of one form look alike."""
    return re.sub(r"\d+", "0", text)


def flat(value: Json) -> list[str]:
    """The texts in an argument's value: those of a list, or the one it is."""
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]
