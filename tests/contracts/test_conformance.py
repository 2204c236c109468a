"""The conformance kit passes what keeps the contract and says what is wrong with what does not."""

import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

import pytest

from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import (
    AgentTurn,
    Clusterer,
    Conversation,
    Domain,
    Policy,
    TurnTokens,
    UserTurn,
)
from harness.testing import (
    AgreeableUser,
    IdlePolicy,
    check_clusterer,
    check_domain,
    check_executor,
    check_judge,
    check_policy,
    check_probe,
    check_reward_term,
    check_task_injector,
    check_user_simulator,
)
from harness.types import (
    Change,
    Changes,
    Diagnosis,
    Episode,
    ErrorPattern,
    Grade,
    Json,
    Message,
    Origin,
    Recipe,
    Request,
    Scenario,
    Split,
    Task,
    TermScore,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
)

OBJECT: dict[str, Json] = {
    "type": "object",
    "properties": {"book_id": {"type": "string"}},
    "required": ["book_id"],
}
LEND = Tool(name="lend", description="Lend a book.", parameters=OBJECT, kind="write")
BOOKS = [f"book-{number}" for number in range(4000)]
FIRST = {"train": 0, "validation": 1000, "test": 2000}


class Shelf:
    """Books that are there or lent."""

    def __init__(self, books: Sequence[Json]) -> None:
        self.books = books
        self.lent: list[str] = []

    def call(self, call: ToolCall) -> ToolResult:
        book = call.arguments.get("book_id")
        if call.name != "lend" or not isinstance(book, str) or book not in self.books:
            return ToolResult(content="Error: no such book or tool", is_error=True)
        if book in self.lent:
            return ToolResult(content="Error: lent already", is_error=True)
        self.lent.append(book)
        return ToolResult(content="lent")

    def changes(self) -> Changes:
        return tuple(Change(path=(book,), before=None, after="lent") for book in sorted(self.lent))


class Library(DomainDefaults):
    name = "library"
    policy = "Lend what is there."
    tools: Sequence[Tool] = (LEND,)

    def tasks(self, split: Split) -> Sequence[Task]:
        return [lending(FIRST[split] + number, split) for number in range(4)]

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        for number in count(10):
            yield lending(number, "train")

    def open(self, task: Task) -> Shelf:
        return Shelf(BOOKS)


def lending(number: int, split: Split) -> Task:
    book = f"book-{number}"
    want = ToolCall(name="lend", arguments={"book_id": book})
    request = Request(kind="lend", says=(f"Please lend me {book}.",), want=want, verbs=("lend",))
    return Task(
        id=f"lend-{number}",
        domain="library",
        split=split,
        scenario=Scenario(reason="read", requests=(request,)),
        world={},
        gold=(want,),
    )


# --- domains


SHARED = Shelf(BOOKS)


class LeakyLibrary(Library):
    def open(self, task: Task) -> Shelf:
        return SHARED


class RaisingShelf(Shelf):
    def call(self, call: ToolCall) -> ToolResult:
        if call.name != "lend":
            raise KeyError(call.name)
        return super().call(call)


class RaisingLibrary(Library):
    def open(self, task: Task) -> Shelf:
        return RaisingShelf(super().open(task).books)


class CredulousShelf(Shelf):
    def call(self, call: ToolCall) -> ToolResult:
        return replace(super().call(call), is_error=False)


class CredulousLibrary(Library):
    def open(self, task: Task) -> Shelf:
        return CredulousShelf(super().open(task).books)


class MoodyShelf(Shelf):
    moods = count()

    def call(self, call: ToolCall) -> ToolResult:
        result = super().call(call)
        return replace(result, content=f"{result.content} {next(self.moods)}")


class MoodyLibrary(Library):
    def open(self, task: Task) -> Shelf:
        return MoodyShelf(super().open(task).books)


class TwinLibrary(Library):
    tools = (LEND, LEND)


class LooseLibrary(Library):
    tools = (replace(LEND, parameters={"book_id": "string"}),)


class DemandingLibrary(Library):
    tools = (replace(LEND, parameters={**OBJECT, "required": ["shelf"]}),)


class FickleLibrary(Library):
    def tasks(self, split: Split) -> Sequence[Task]:
        number = FIRST[split] + random.SystemRandom().randrange(1, 900)
        return [lending(number, split)]


class OverlappingLibrary(Library):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [lending(0, split)]


class MislabellingLibrary(Library):
    def tasks(self, split: Split) -> Sequence[Task]:
        return [replace(task, split="train") for task in super().tasks(split)]


class UngradedLibrary(Library):
    def grade(self, task: Task, world: object, trajectory: Trajectory) -> Grade:
        return Grade(success=False)


class GenerousLibrary(Library):
    def grade(self, task: Task, world: object, trajectory: Trajectory) -> Grade:
        return Grade(success=True)


class LumpingLibrary(Library):
    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        return [task.gold, ()]


class WrongLibrary(Library):
    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]]:
        return [()]


class LeakingGenerator(Library):
    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        yield replace(lending(FIRST["test"], "test"), split="train")


class UnseededGenerator(Library):
    numbers = count(10)

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        for number in self.numbers:
            yield lending(number, "train")


def test_a_domain_that_keeps_the_contract_passes() -> None:
    check_domain(Library())


BROKEN_DOMAINS = [
    (LeakyLibrary, "no other world"),
    (RaisingLibrary, "is_error, but no_such_tool.* raised KeyError"),
    (CredulousLibrary, "no_such_tool.* is answered with is_error"),
    (MoodyLibrary, "same results each time"),
    (TwinLibrary, "unique, found twice: .*lend"),
    (LooseLibrary, "JSON schema of type object"),
    (DemandingLibrary, "among its properties, found .*shelf"),
    (FickleLibrary, "same on every call"),
    (OverlappingLibrary, "no two tasks share an id.*lend-0"),
    (MislabellingLibrary, "says split 'train'"),
    (UngradedLibrary, "gold calls of task lend-0 succeed"),
    (GenerousLibrary, "doing nothing fails"),
    (LumpingLibrary, "one group per request: 2 for 1"),
    (WrongLibrary, "effect of the gold calls"),
    (LeakingGenerator, "is no held-out task"),
    (UnseededGenerator, "same tasks for the same seed"),
]


@pytest.mark.parametrize(("domain", "complaint"), BROKEN_DOMAINS)
def test_a_broken_domain_is_told_what_is_wrong(
    domain: Callable[[], Domain], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_domain(domain())


# --- users


class PatientUser(AgreeableUser):
    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        return replace(await super().reply(task, conversation, seed=seed), stop=False)


class MuteUser(AgreeableUser):
    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        return UserTurn(message=Message(role="user"), stop=True)


class SpyingUser(AgreeableUser):
    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        seen = " ".join(m.content for m in conversation.messages if m.role == "tool")
        turn = await super().reply(task, conversation, seed=seed)
        return replace(turn, message=Message(role="user", content=turn.message.content + seen))


class CountingUser(AgreeableUser):
    def __init__(self) -> None:
        super().__init__()
        self.turns = 0

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        self.turns += 1
        turn = await super().reply(task, conversation, seed=seed)
        return replace(turn, message=Message(role="user", content=str(self.turns)))


def test_a_user_that_keeps_the_contract_passes() -> None:
    check_user_simulator(AgreeableUser(), Library())


BROKEN_USERS = [
    (PatientUser, "leaves an agent that never helps"),
    (MuteUser, "says something"),
    (SpyingUser, "does not see the agent's tool calls"),
    (CountingUser, "one seed, one opening of the user"),
]


@pytest.mark.parametrize(("user", "complaint"), BROKEN_USERS)
def test_a_broken_user_is_told_what_is_wrong(
    user: Callable[[], AgreeableUser], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_user_simulator(user(), Library())


# --- policies


class MutePolicy(IdlePolicy):
    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        return AgentTurn(message=Message(role="assistant"))


class ForgetfulPolicy(IdlePolicy):
    """Takes all conversations for one."""

    def __init__(self) -> None:
        self.turns = 0

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        self.turns += 1
        return AgentTurn(message=Message(role="assistant", content=f"Turn {self.turns}."))

    def forget(self, conversation_id: str) -> None:
        self.turns = 0


class SurePolicy(IdlePolicy):
    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        turn = await super().act(conversation, seed=seed)
        return replace(turn, tokens=TurnTokens(context=[1], sampled=[2], logprobs=[0.5]))


class SloppyPolicy(IdlePolicy):
    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        turn = await super().act(conversation, seed=seed)
        return replace(turn, tokens=TurnTokens(context=[1], sampled=[2, 3], logprobs=[-0.5]))


class MutteringPolicy(IdlePolicy):
    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        turn = await super().act(conversation, seed=seed)
        return replace(turn, tokens=TurnTokens(context=[1], sampled=[2], logprobs=[-0.5]))

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        return ["m"]


def test_a_policy_that_keeps_the_contract_passes() -> None:
    check_policy(IdlePolicy(), Library())


BROKEN_POLICIES = [
    (MutePolicy, "has text or calls"),
    (ForgetfulPolicy, "run at once go as they do one by one"),
    (SurePolicy, "at most 0"),
    (SloppyPolicy, "a log-probability for each sampled token"),
    (MutteringPolicy, "token_texts gives a text for each token"),
]


@pytest.mark.parametrize(("policy", "complaint"), BROKEN_POLICIES)
def test_a_broken_policy_is_told_what_is_wrong(
    policy: Callable[[], IdlePolicy], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_policy(policy(), Library())


# --- judges


class SternJudge:
    def __init__(self, **wrong: object) -> None:
        self.wrong = wrong

    async def diagnose(self, failure: Episode, domain: Domain) -> Diagnosis:
        diagnosis = Diagnosis(
            trajectory_id=failure.trajectory.id,
            task_id=failure.task.id,
            blame="agent",
            kind="missing_step",
            turn=1,
            summary="Nothing was lent.",
        )
        return replace(diagnosis, **self.wrong)  # type: ignore[arg-type]


def test_a_judge_that_keeps_the_contract_passes() -> None:
    check_judge(SternJudge(), Library())


BROKEN_JUDGES = [
    ({"trajectory_id": "x"}, "names trajectory and task"),
    ({"blame": "nobody"}, "blame 'nobody'"),
    ({"severity": "dire"}, "severity 'dire'"),
    ({"kind": "Missing step!"}, "is a slug"),
    ({"summary": " "}, "what went wrong"),
    ({"turn": 99}, "turn 99 is one of"),
]


@pytest.mark.parametrize(("wrong", "complaint"), BROKEN_JUDGES)
def test_a_broken_judge_is_told_what_is_wrong(wrong: dict[str, object], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_judge(SternJudge(**wrong), Library())


# --- clusterers


class ByKind(Clusterer):
    method = "by kind"

    def __init__(self, **wrong: object) -> None:
        self.wrong = wrong

    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        kinds: dict[str, list[Diagnosis]] = {}
        for diagnosis in diagnoses:
            kinds.setdefault(diagnosis.kind, []).append(diagnosis)
        patterns = [
            ErrorPattern(
                id=kind,
                name=kind,
                description=kind,
                members=tuple(d.trajectory_id for d in members),
                share=len(members) / len(diagnoses),
                kinds={kind: len(members)},
            )
            for kind, members in kinds.items()
        ]
        patterns.sort(key=lambda pattern: -pattern.share)
        return [replace(pattern, **self.wrong) for pattern in patterns]  # type: ignore[arg-type]


class NewIds(ByKind):
    numbers = count()

    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        patterns = super().cluster(diagnoses, previous)
        return [replace(p, id=f"{p.id} after {len(previous)}") for p in patterns]


class Rising(ByKind):
    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        return list(reversed(super().cluster(diagnoses, previous)))


def test_a_clusterer_that_keeps_the_contract_passes() -> None:
    check_clusterer(ByKind())


BROKEN_CLUSTERERS = [
    (ByKind(members=("t",)), "no failure is in two patterns"),
    (ByKind(members=()), "the share of .* is of all failures"),
    (ByKind(id="same"), "ids of their own"),
    (ByKind(share=0.5), "the share of"),
    (ByKind(description=""), "named and described"),
    (ByKind(exemplars=("t",)), "exemplars of .* are members"),
    (ByKind(kinds={"other": 1}), "count its members' mistakes"),
    (NewIds(), "keep the ids"),
    (Rising(), "by falling share"),
]


@pytest.mark.parametrize(("clusterer", "complaint"), BROKEN_CLUSTERERS)
def test_a_broken_clusterer_is_told_what_is_wrong(clusterer: Clusterer, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_clusterer(clusterer)


# --- injectors


class Repeating:
    def __init__(self, stop: int = 1000, **wrong: object) -> None:
        self.stop = stop
        self.wrong = wrong

    async def inject(
        self,
        pattern: ErrorPattern,
        members: Sequence[tuple[Episode, Diagnosis]],
        domain: Domain,
        *,
        round: int,
        seed: int,
    ) -> AsyncIterator[Task]:
        for number in range(self.stop):
            task = lending(seed * 50 + number, "train")
            origin = Origin(
                round=round,
                pattern_id=pattern.id,
                injector="repeating",
                trajectory_id=pattern.members[0],
                parent_task_id=members[0][0].task.id,
                seed=seed,
            )
            yield replace(task, **{"origin": origin, **self.wrong})  # type: ignore[arg-type]


def test_an_injector_that_keeps_the_contract_passes() -> None:
    check_task_injector(Repeating(), Library())


BROKEN_INJECTORS = [
    (Repeating(stop=3), "has endless candidates, found 3"),
    (Repeating(id="same"), "ids of their own"),
    (Repeating(split="test"), "of split train"),
    (Repeating(origin=None), "carries its origin"),
]


@pytest.mark.parametrize(("injector", "complaint"), BROKEN_INJECTORS)
def test_a_broken_injector_is_told_what_is_wrong(injector: Repeating, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_task_injector(injector, Library())


# --- reward terms


def success(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
    return TermScore(name="success", value=float(grade.success))


def too_high(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
    return TermScore(name="too_high", value=float(len(trajectory.calls)))


def undefined(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
    return TermScore(name="undefined", value=float("nan"))


def drifting() -> Callable[[Trajectory, Grade, Task], TermScore]:
    values = count()

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        return TermScore(name="drifting", value=1 / (1 + next(values)))

    return term


def test_a_term_that_keeps_the_contract_passes() -> None:
    check_reward_term(success, Library())


BROKEN_TERMS = [
    (too_high, r"too_high lies in \[-1, 1\]"),
    (undefined, "found nan"),
    (drifting(), "drifting is the same each time"),
]


@pytest.mark.parametrize(("term", "complaint"), BROKEN_TERMS)
def test_a_broken_term_is_told_what_is_wrong(
    term: Callable[[Trajectory, Grade, Task], TermScore], complaint: str
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_reward_term(term, Library())


# --- executors


class OneByOne:
    def __init__(self, *, start: int = 0, step: int = 1, swallow: bool = False) -> None:
        self.start, self.step, self.swallow = start, step, swallow

    async def map(self, function: Callable[..., object], items: Sequence[object]) -> object:
        for index in range(0, len(items), self.step):
            try:
                yield self.start + index, await function(items[index])  # type: ignore[misc]
            except ZeroDivisionError:
                if not self.swallow:
                    raise


def test_an_executor_that_keeps_the_contract_passes() -> None:
    check_executor(OneByOne())  # type: ignore[arg-type]


BROKEN_EXECUTORS = [
    ({"start": 1}, "under its own index"),
    ({"step": 2}, "each item is done once"),
    ({"swallow": True}, "an error in one item"),
]


@pytest.mark.parametrize(("wrong", "complaint"), BROKEN_EXECUTORS)
def test_a_broken_executor_is_told_what_is_wrong(wrong: Mapping[str, int], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_executor(OneByOne(**wrong))  # type: ignore[arg-type]


# --- probes


class Bribe:
    """Says what it does, and acts as the baseline does."""

    about: object = "bribes whoever scores"

    def policy(self, baseline: Policy) -> object:
        return baseline


class Secretive(Bribe):
    about = " "


class Wordless(Bribe):
    about = None


class Idle(Bribe):
    def policy(self, baseline: Policy) -> object:
        return None


class Speechless(Bribe):
    def policy(self, baseline: Policy) -> object:
        return MutePolicy()


class Helpless(Bribe):
    def policy(self, baseline: Policy) -> object:
        raise KeyError("refund")


BROKEN_PROBES = [
    (Secretive, "says in words what it does"),
    (Wordless, "says in words what it does"),
    (Idle, "None"),
    (Speechless, "has text or calls"),
    (Helpless, "KeyError: 'refund'"),
]


def test_a_probe_that_keeps_the_contract_passes() -> None:
    check_probe(Bribe(), Library())  # type: ignore[arg-type]


@pytest.mark.parametrize(("probe", "complaint"), BROKEN_PROBES)
def test_a_broken_probe_is_told_what_is_wrong(probe: Callable[[], Bribe], complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_probe(probe(), Library())  # type: ignore[arg-type]
