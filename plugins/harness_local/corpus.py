"""Gather the words of a domain: what its users may say, its tools answer and its policy demands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from harness.protocols import Domain
from harness.types import Fact, Json, Recipe, Scenario, Task, Tool
from harness_local.aliases import Alias, Aliases
from harness_local.lexicon import folded, plain, spelled
from harness_local.rows import rows

_PHRASES = (
    "Hi! How can I help you today?",
    "Could you please tell me your email, or your name and zip code?",
    "Could you tell me which one you mean?",
    "I would like to confirm the details before I go on.",
    "Do you confirm (yes/no)?",
    "Yes, please go ahead.",
    "No, thank you. That is all.",
    "Is there anything else I can help you with?",
    "I am sorry, but I cannot do that, because it is against our policy.",
    "Your request is done. You will receive an email.",
    "Let me check that for you. Here is what I found:",
    "Thank you! Have a nice day.",
)
_REPEATS = 20
"""How often the phrases and tools that every conversation has are in the corpus."""


def corpus(domain: Domain, *, seed: int, tasks: int) -> Iterator[str]:
    """Texts as the compact codec writes them: the domain's own and of generated tasks."""
    for text in _texts(domain, seed=seed, tasks=tasks):
        yield folded(plain(text))


def _texts(domain: Domain, *, seed: int, tasks: int) -> Iterator[str]:
    for _ in range(_REPEATS):
        yield from (f" {phrase}" for phrase in _PHRASES)
        for tool in domain.tools:
            yield from _tool(tool)
    yield domain.policy
    for task in itertools.islice(domain.generate(seed, Recipe()), tasks):
        aliases = Aliases(10**6)
        for text in (*_scenario(task.scenario), *_results(domain, task)):
            aliases.learn(text)
            parts = aliases.split(" " + text)
            yield from (part for part in parts if not isinstance(part, Alias))


def _tool(tool: Tool) -> Iterator[str]:
    yield " " + tool.description
    yield " " + tool.followup
    yield f" {spelled(tool.name)}"
    yield from (f" {spelled(name)} {noun}" for name, noun in tool.nouns.items())
    yield from (f" {text}" for text in _strings(dict(tool.parameters)))


def _scenario(scenario: Scenario) -> Iterator[str]:
    yield from (scenario.reason, scenario.known, scenario.unknown, scenario.instructions)
    for fact in scenario.identity:
        yield from _fact(fact)
    for request in scenario.requests:
        yield from (*request.says, request.refusal, *request.verbs)
        for fact in request.facts:
            yield from _fact(fact)
        if request.revision is not None:
            yield from request.revision.says


def _fact(fact: Fact) -> Iterator[str]:
    yield fact.about
    yield from fact.says
    yield from fact.recognised_by


def _results(domain: Domain, task: Task) -> Iterator[str]:
    world = domain.open(task)
    for call in itertools.chain.from_iterable(domain.solve(task) or ()):
        yield from (value for value in call.arguments.values() if isinstance(value, str))
        yield "\n ".join(row.text for row in rows(world.call(call).content))


def _strings(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (key for key in value)
        for child in value.values():
            yield from _strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from _strings(child)
