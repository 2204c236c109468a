"""Turn an exploration into a task: a chat model writes what its customer says and knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.llm.draft import WrittenRequest, WrittenTask, objections_to
from harness.llm.explorer import Exploration, customer_lines
from harness.llm.prompts import prompt
from harness.llm.quoting import call_text, phrases, plain, quoted
from harness.llm.structured import Form, fill_in
from harness.protocols import ChatClient, Domain
from harness.types import Fact, Request, Scenario, Task, ToolCall, stable_id

FORM = Form(name="task", description="Hand in the customer's side of the task.", shape=WrittenTask)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a domain's own tasks speak of a change by one tool: the request's kind and verbs."""

    kind: str
    verbs: tuple[str, ...]


def ways(domain: Domain) -> dict[str, Way]:
    """The way of each tool that some train task wants called, by the tool's name."""
    requests = (r for task in domain.tasks("train") for r in task.scenario.requests if r.want)
    return {r.want.name: Way(kind=r.kind, verbs=r.verbs) for r in requests if r.want}


async def write(
    chat: ChatClient, domain: Domain, found: Exploration, pattern: str, *, seed: int
) -> Task:
    """A train task that wants what the exploration changed, without its origin.

    Raises ``RolloutFault`` ("infrastructure_fault") if two drafts in a row cannot be used.
    """
    about = prompt("write")
    known = ways(domain)

    def objections(draft: WrittenTask) -> list[str]:
        wrong = objections_to(draft, found, domain)
        if not wrong and domain.solve(_task(draft, found, domain, known)) is None:
            wrong.append(
                "facts: the domain's solver does not get from the wordings of the facts to the "
                "wanted change; name the records by the words that are in them, and nothing else"
            )
        return wrong

    draft = await fill_in(
        FORM,
        chat,
        _case(found),
        system=about.fill(pattern=pattern),
        version=about.version,
        seed=seed,
        check=objections,
    )
    return _task(draft, found, domain, known)


# --- from the draft to the task -------------------------------------------------------------------


def _task(draft: WrittenTask, found: Exploration, domain: Domain, known: Mapping[str, Way]) -> Task:
    base = found.base
    requests = tuple(
        _request(written, want, known)
        for written, want in zip(draft.requests, found.writes, strict=True)
    )
    scenario = Scenario(
        reason=plain(draft.reason),
        known=base.scenario.known,
        unknown=plain(draft.unknown, 800),
        instructions="\n".join(
            [
                *(_instruct(number, request) for number, request in enumerate(requests, start=1)),
                plain(draft.instructions, 2000),
            ]
        ),
        persona=plain(draft.persona) or base.scenario.persona,
        identity=tuple(replace(fact, volunteered=False) for fact in base.scenario.identity),
        requests=requests,
    )
    features = {feature.name for feature in domain.features}
    return Task(
        id=stable_id(domain.name, base.world, scenario, found.gold, draft.must_say),
        domain=domain.name,
        split="train",
        scenario=scenario,
        world=base.world,
        gold=found.gold,
        communicate=tuple(plain(text) for text in draft.must_say),
        tags=tuple(sorted({request.kind for request in requests} & features)),
    )


def _request(written: WrittenRequest, want: ToolCall, known: Mapping[str, Way]) -> Request:
    way = known.get(want.name, Way(kind=want.name, verbs=(want.name.split("_")[0],)))
    return Request(
        kind=way.kind,
        says=_lines(written.opening),
        facts=tuple(
            Fact(
                about=plain(fact.about),
                asked_by=phrases(fact.asked_by),
                says=_lines(fact.says),
                recognised_by=phrases(fact.recognised_by),
                conflicts_with=phrases(fact.conflicts_with),
                needed_for=tuple(fact.needed_for),
                volunteered=fact.volunteered,
            )
            for fact in written.facts
        ),
        want=want,
        verbs=way.verbs,
    )


def _instruct(number: int, request: Request) -> str:
    """The request for customers that are language models: the same words in the same places."""
    kept = [f for f in request.facts if not f.volunteered]
    asked = [f'If asked {f.about}: "{f.says[0]}" (told only when asked)' for f in kept]
    return " ".join([f'{number}. Say: "{request.says[0]}"', *asked])


def _lines(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain(text) for text in texts))


def _case(found: Exploration) -> str:
    calls = zip(found.calls, found.answers, strict=True)
    lines = ["# The customer", *customer_lines(found.base), "", "# The calls and their answers"]
    for call, answer in calls:
        lines += [f"call: {call_text(call)}", f"answer: {quoted(answer)}"]
    lines += ["", "# The wanted changes"]
    lines += [f"{number}. {call_text(call)}" for number, call in enumerate(found.writes, start=1)]
    lines += ["", "# Where the explorer sees the trap", quoted(found.trap)]
    return "\n".join(lines)
