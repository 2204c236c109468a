"""A library: members borrow books at a branch, by tools from one typed definition."""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import count, islice
from typing import Any, Literal

from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.typed_tools import Refused, TypedWorld, tool, tools_of
from harness.protocols import Domain, Settings
from harness.types import (
    Change,
    Changes,
    Fact,
    Feature,
    Json,
    Recipe,
    Request,
    Scenario,
    Split,
    Task,
    ToolCall,
    stable_seed,
)

BRANCHES = ("north", "south")
SHAPES = "Silent", "Golden", "Broken", "Hidden", "Distant", "Burning", "Winter", "Glass"
THINGS = "River of Norway", "Garden of Lisbon", "Letter", "Mountain", "Station", "Mirror", "Bridge"
PROVOKED = "wrong_branch", "wrong_book", "invalid_call", "repeated_call", "gave_up", "missing_step"


class SampleWorld(TypedWorld):
    def __init__(self, records: Mapping[str, Any]) -> None:
        self.records, self.loans = records, dict[str, Json]()

    @tool("read", identifies=True)
    def find_member(self, card: str) -> Json:
        """Find a member, and the books that there are, by library card."""
        if card != self.records["card"]:
            raise Refused("there is no such card")
        return dict(self.records)

    @tool("write", nouns={"book_id": "book"})
    def lend_book(self, card: str, book_id: str, branch: Literal["north", "south"]) -> str:
        """Lend a book, to be fetched at a branch."""
        if card != self.records["card"] or book_id not in self.records["books"]:
            raise Refused("there is no such card or book")
        self.loans[book_id] = branch
        return "lent"

    def changes(self) -> Changes:
        lent = sorted(self.loans.items())
        return tuple(Change(path=(book,), before=None, after=branch) for book, branch in lent)


class Sample(DomainDefaults):
    name = "sample"
    policy = "Find the member by card first. Lend a book only after the member has said yes."
    tools = tools_of(SampleWorld)
    features = (Feature(name="lend", description="A loan.", provokes=PROVOKED),)

    def tasks(self, split: Split) -> Sequence[Task]:
        return list(islice(self.generate(0, Recipe(split=split)), 60))

    def open(self, task: Task) -> SampleWorld:
        return SampleWorld(task.world)

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        for number in count():
            yield made(random.Random(stable_seed(seed, recipe.split, number)), recipe.split)

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        find = ToolCall(name="find_member", arguments={"card": task.world["card"]})
        return [[find, *task.gold]]


def made(rng: random.Random, split: Split) -> Task:
    own, branch = f"{split}-{rng.randrange(10**9)}", rng.choice(BRANCHES)
    title = f"The {rng.choice(SHAPES)} {rng.choice(THINGS)}"
    want = {"card": f"C-{own}", "book_id": f"B-{own}", "branch": branch}
    call = ToolCall(name="lend_book", arguments={**want})
    who = Fact(about="your card", asked_by=("card",), says=(f"My card is C-{own}.",))
    where = Fact(about="which branch", asked_by=("branch",), says=(f"At the {branch} branch.",),
                 recognised_by=(branch,), needed_for=("branch",))  # fmt: skip
    says = (f"I would like to borrow {title}.",)
    ask = Request(kind="lend", says=says, facts=(where,), want=call, verbs=("lend",))
    return Task(id=own, domain="sample", split=split, gold=(call,), tags=("lend",),
                world={"card": f"C-{own}", "books": {f"B-{own}": title}},
                scenario=Scenario(reason="reading", identity=(who,), requests=(ask,)))  # fmt: skip


def sample(settings: Settings) -> Domain:
    return Sample()
