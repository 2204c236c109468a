"""A library that keeps the contract, and libraries that each break one rule of it.

``SEEDED`` has each broken one by what is wrong with it, with words of the finding.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count, islice
from typing import Any, Literal

from harness.errors import ConfigError
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.typed_tools import Refused, TypedWorld, tool, tools_of
from harness.types import (
    Change,
    Changes,
    Fact,
    Feature,
    Grade,
    Json,
    Recipe,
    Request,
    Scenario,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
    stable_seed,
)

Branch = Literal["north", "south", "harbour"]
BRANCHES = ("north", "south", "harbour")
TITLES = ("Emma", "Dracula", "Ulysses", "Walden", "Kim", "Heidi")


class Desk(TypedWorld):
    """One member's account, and books by id."""

    def __init__(self, records: Mapping[str, Any]) -> None:
        self.before = records
        self.loans: dict[str, Json] = {}

    @tool("read", identifies=True)
    def find_member(self, phone: str) -> Json:
        """Find a member by phone."""
        if phone != self.before["phone"]:
            raise Refused("there is no such member")
        return {"member_id": self.before["member_id"]}

    @tool("read")
    def find_books(self, title: str) -> Json:
        """Find books by title."""
        return [book for book, name in self.before["books"].items() if name == title]

    @tool("write", nouns={"book_id": "book"})
    def lend(self, member_id: str, book_id: str, branch: Branch) -> str:
        """Lend a book, to be fetched at a branch."""
        if member_id != self.before["member_id"] or book_id not in self.before["books"]:
            raise Refused("there is no such member or book")
        self.loans[book_id] = branch
        return "lent"

    @tool("generic")
    def transfer_to_human_agents(self, summary: str) -> str:
        """Hand the member over to a human."""
        return "transferred"

    def changes(self) -> Changes:
        return tuple(
            Change(path=(b,), before=None, after=self.loans[b]) for b in sorted(self.loans)
        )


class Library(DomainDefaults):
    """Members borrow books. Keeps the contract."""

    name = "library"
    policy = "Find the member by phone first. Lend only after a yes. Transfer all else."
    tools: Sequence[Tool] = tools_of(Desk)
    features: Sequence[Feature] = (
        Feature(name="twin_titles", description="Two books.", provokes=("wrong_record",)),
        Feature(name="out_of_scope", description="No loan.", provokes=("missing_transfer",)),
    )

    def tasks(self, split: Split) -> Sequence[Task]:
        return list(islice(self.generate(0, Recipe(split=split)), 12))

    def open(self, task: Task) -> Any:
        return Desk(task.world)

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        if len(recipe.required) > 1:
            raise ConfigError("one feature at a time", hint="Ask for one of them.")
        for number in count():
            yield self.made(stable_seed(seed, recipe.split, number), recipe, number)

    def made(self, seed: int, recipe: Recipe, number: int) -> Task:
        rng = random.Random(seed)
        tags = [*recipe.required] or rng.sample(["", "", "twin_titles", "out_of_scope"], 1)
        mark = f"{recipe.split}-{rng.randrange(10**8)}"
        titles = rng.sample(TITLES, 3)
        books: dict[str, Json] = {f"B-{mark}-{place}": title for place, title in enumerate(titles)}
        if "twin_titles" in tags:
            books[f"B-{mark}-9"] = titles[0] + " II"
        member, phone = f"M-{mark}", f"555-{mark}"
        request = self.request(rng, member, f"B-{mark}-0", titles[0])
        if "out_of_scope" in tags:
            request = Request(kind="fine", says=("My fine is wrong.",), outcome="transferred")
        return Task(
            id=f"{mark}-{number}-{seed % 10**6}",
            domain=self.name,
            split=recipe.split,
            scenario=Scenario(
                reason="reading",
                identity=(fact("your phone number", "phone", phone, f"My phone is {phone}."),),
                requests=(request,),
            ),
            world={"member_id": member, "phone": phone, "books": books},
            gold=(request.want,) if request.want else (),
            tags=tuple(tag for tag in tags if tag),
        )

    def request(self, rng: random.Random, member: str, book: str, title: str) -> Request:
        branch = rng.choice(BRANCHES)
        return Request(
            kind="lend",
            says=(f"I would like to borrow {title}.", f"Please lend me {title}."),
            facts=(
                fact("which branch", "branch", branch, f"At the {branch} branch, please."),
                replace(
                    fact("which book", "book", title.lower(), f"It is {title}."),
                    needed_for=("book_id",),
                ),
            ),
            want=ToolCall(
                name="lend", arguments={"member_id": member, "book_id": book, "branch": branch}
            ),
            verbs=("lend",),
        )

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        find = ToolCall(name="find_member", arguments={"phone": task.world["phone"]})
        if not task.gold:
            summary = {"summary": "a fine"}
            return [[find, ToolCall(name="transfer_to_human_agents", arguments=summary)]]
        books: Any = task.world["books"]
        wanted = books[task.gold[0].arguments["book_id"]]
        look = ToolCall(name="find_books", arguments={"title": wanted})
        return [[find, look, *task.gold]]


def fact(about: str, argument: str, value: str, says: str) -> Fact:
    others = tuple(b for b in BRANCHES if b != value) if value in BRANCHES else ()
    return Fact(
        about=about,
        asked_by=(argument,),
        says=(says,),
        recognised_by=(value.lower(),),
        conflicts_with=others,
        needed_for=(argument,),
    )


# --- schemas and tools ----------------------------------------------------------------------------


def retooled(name: str, change: Callable[[Tool], Tool]) -> Sequence[Tool]:
    return [change(one) if one.name == name else one for one in Library.tools]


def renamed(one: Tool) -> Tool:
    text = json.dumps(dict(one.parameters)).replace('"branch"', '"location"')
    return replace(one, parameters=json.loads(text))


class OtherArgument(Library):
    tools = retooled("lend", renamed)


class ShyDesk(Desk):
    def call(self, call: ToolCall) -> ToolResult:
        if call.arguments.get("branch") not in (None, "north", "south"):
            message = f"Error: there is no branch {call.arguments['branch']!r}"
            return ToolResult(content=message, is_error=True)
        return super().call(call)


class RefusedValue(Library):
    def open(self, task: Task) -> Any:
        return ShyDesk(task.world)

    def request(self, rng: random.Random, member: str, book: str, title: str) -> Request:
        found = super().request(rng, member, book, title)
        while found.want is not None and found.want.arguments["branch"] == "harbour":
            found = super().request(rng, member, book, title)
        return found


class MissingTool(Library):
    tools = (
        *Library.tools,
        Tool(
            name="renew",
            description="Renew a loan.",
            parameters={
                "type": "object",
                "properties": {"book_id": {"type": "string"}},
                "required": ["book_id"],
            },
            kind="write",
        ),
    )


class MislabelledTool(Library):
    tools = retooled("lend", lambda one: replace(one, kind="read"))


class LoggingDesk(Desk):
    """Counts look-ups in what it says it changed."""

    def __init__(self, records: Mapping[str, Any], log: list[str]) -> None:
        super().__init__(records)
        self.log = log

    def call(self, call: ToolCall) -> ToolResult:
        self.log.append(call.name)
        return super().call(call)

    def changes(self) -> Changes:
        looks = sum(name.startswith("find") for name in self.log)
        seen = (Change(path=("~looks",), before=0, after=looks),) if looks else ()
        return (*super().changes(), *seen)


class WritingLookUp(Library):
    def open(self, task: Task) -> Any:
        return LoggingDesk(task.world, [])


class SharedLog(Library):
    def __init__(self) -> None:
        self.log: list[str] = []

    def open(self, task: Task) -> Any:
        return LoggingDesk(task.world, self.log)


class FailingGold(Library):
    """Its gold calls are for another member."""

    def made(self, seed: int, recipe: Recipe, number: int) -> Task:
        task = super().made(seed, recipe, number)
        gold = tuple(
            replace(call, arguments={**call.arguments, "member_id": "M-0"}) for call in task.gold
        )
        return replace(task, gold=gold)


# --- solver and generator -------------------------------------------------------------------------


class Unsolved(Library):
    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        return None


class Ending(Library):
    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        return islice(super().generate(seed, recipe), 20)


class Deaf(Library):
    """Makes what it likes."""

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        return super().generate(seed, replace(recipe, required=()))


class Stumbling(Library):
    """Breaks on features that it cannot join."""

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        if len(recipe.required) > 1:
            raise IndexError("list index out of range")
        return super().generate(seed, recipe)


class Unable(Library):
    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        if "twin_titles" in recipe.required:
            raise ConfigError("no twin titles", hint="Ask for another feature.")
        return super().generate(seed, recipe)


# --- customers, splits, policy --------------------------------------------------------------------


class Speechless(Library):
    """Its customers know nothing of what they want."""

    def request(self, rng: random.Random, member: str, book: str, title: str) -> Request:
        found = super().request(rng, member, book, title)
        return replace(found, facts=(), says=("I want a book.",))


class Forgetful(Library):
    """Its customers do not know who they are, so that no agent finds them."""

    def made(self, seed: int, recipe: Recipe, number: int) -> Task:
        task = super().made(seed, recipe, number)
        lost = (fact("your card", "card", "none", "I have lost it."),)
        return replace(task, scenario=replace(task.scenario, identity=lost))


class Withholding(Library):
    """Its customers take back what they agreed to, without a word of it."""

    def request(self, rng: random.Random, member: str, book: str, title: str) -> Request:
        found = super().request(rng, member, book, title)
        facts = tuple(replace(f, conflicts_with=("lend", "branch", "book")) for f in found.facts)
        return replace(found, facts=facts)


class OneShelf(Library):
    """One database for all splits."""

    def made(self, seed: int, recipe: Recipe, number: int) -> Task:
        task = super().made(seed % 7, replace(recipe, split="train"), number)
        return replace(task, id=f"{recipe.split}-{seed}-{number}", split=recipe.split)


class Copied(Library):
    """Every split is the train split under other ids."""

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        for task in super().generate(seed, replace(recipe, split="train")):
            text = json.dumps(dict(task.world)).replace("train", recipe.split)
            gold = [
                replace(
                    call,
                    arguments=json.loads(
                        json.dumps(dict(call.arguments)).replace("train", recipe.split)
                    ),
                )
                for call in task.gold
            ]
            who = tuple(
                replace(f, says=tuple(s.replace("train", recipe.split) for s in f.says))
                for f in task.scenario.identity
            )
            yield replace(
                task,
                id=task.id.replace("train", recipe.split),
                split=recipe.split,
                world=json.loads(text),
                gold=tuple(gold),
                scenario=replace(
                    task.scenario,
                    identity=who,
                    requests=tuple(
                        replace(r, want=gold[0] if gold else None) for r in task.scenario.requests
                    ),
                ),
            )


class Lawless(Library):
    policy = "  "


class Raising(Library):
    def tasks(self, split: Split) -> Sequence[Task]:
        raise KeyError("branch")


UNKEPT = object()


class Unkept(Library):
    def made(self, seed: int, recipe: Recipe, number: int) -> Task:
        task = super().made(seed, recipe, number)
        return replace(task, world={**task.world, "now": UNKEPT})  # type: ignore[dict-item]


class Generous(Library):
    def grade(self, task: Task, world: Any, trajectory: Trajectory) -> Grade:
        return Grade(success=True)


SEEDED: Mapping[str, tuple[Callable[[], DomainDefaults], str]] = {
    "a schema names another argument than gold": (OtherArgument, "'branch' is no argument"),
    "the function refuses a value of the schema": (RefusedValue, "found 'harbour' refused"),
    "the world lacks a tool": (MissingTool, "carries out the tool renew"),
    "a tool that writes says it reads": (MislabelledTool, "the tool lend reads"),
    "a look-up writes": (WritingLookUp, "the tool find_member reads"),
    "a look-up writes to a log of all worlds": (SharedLog, "shows in no other world"),
    "every gold call fails": (FailingGold, "the gold write lend"),
    "nothing is solved": (Unsolved, "solve() solves some task, found None for"),
    "the generator ends": (Ending, "generate() never ends"),
    "the generator ignores what is required": (Deaf, "with that in Task.tags"),
    "the generator breaks on pairs": (Stumbling, "IndexError: list index out of range"),
    "a feature cannot be had": (Unable, "'twin_titles' can be had alone"),
    "customers tell nothing": (Speechless, "tells what it wants"),
    "customers do not know who they are": (Forgetful, "tells who it is"),
    "customers agree to nothing": (Withholding, "a teacher does the tasks in words"),
    "splits share records": (OneShelf, "share no customer and no record"),
    "a split is a copy under other ids": (Copied, "is no copy of train under other ids"),
    "there is no policy": (Lawless, "has a policy text"),
    "tasks() raises": (Raising, "KeyError: 'branch'"),
    "a task cannot be kept": (Unkept, "can be kept as JSON"),
    "every end is a success": (Generous, "doing nothing fails"),
}
