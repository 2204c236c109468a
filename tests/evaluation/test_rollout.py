import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from harness.errors import PluginFailed, RolloutFault
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.in_order import in_order
from harness.evaluation.metrics import outcomes, pass_table
from harness.evaluation.rollout import join_tokens, rollout, run_rollouts
from harness.protocols import (
    AgentTurn,
    Conversation,
    Executor,
    PluginNames,
    Policy,
    RolloutJob,
    RolloutLimits,
    RolloutSetup,
    TurnTokens,
    UserTurn,
    WeightedTerm,
    World,
)
from harness.types import (
    Change,
    Changes,
    Episode,
    Grade,
    Message,
    Scenario,
    Split,
    Task,
    TermScore,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
    VersionSpan,
)
from harness_asyncio.executor import AsyncioExecutor
from harness_asyncio.forking import ForkExecutor

SWITCH = Tool(name="switch", description="Turn the lamp on.", parameters={}, kind="write")


class Lamp:
    def __init__(self) -> None:
        self.on = False

    def call(self, call: ToolCall) -> ToolResult:
        if call.name != "switch":
            return ToolResult(content=f"Error: no tool {call.name}", is_error=True)
        self.on = True
        return ToolResult(content="on")

    def changes(self) -> Changes:
        return (Change(path=("lamp",), before=False, after=True),) if self.on else ()


class Room(DomainDefaults):
    name = "room"
    tools = (SWITCH,)

    def tasks(self, split: Split) -> list[Task]:
        return [TASK]

    def open(self, task: Task) -> Lamp:
        return Lamp()


TASK = Task(
    id="light",
    domain="room",
    split="test",
    scenario=Scenario(reason="It is dark."),
    world={},
    gold=(ToolCall(name="switch", arguments={}),),
)


class User:
    """Asks once, then leaves."""

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        asked = any(m.role == "user" for m in conversation.messages)
        text = "Thanks, bye." if asked else "Light, please."
        return UserTurn(message=Message(role="user", content=text), stop=asked)


class Agent(Policy):
    """Makes the given calls, one a turn, then says it is done."""

    def __init__(self, *calls: str) -> None:
        self.id = "agent"
        self.names = calls
        self.forgotten: list[str] = []

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        await asyncio.sleep(0)
        made = sum(bool(m.calls) for m in conversation.messages)
        if made < len(self.names):
            call = ToolCall(name=self.names[made], arguments={}, id=f"call_{made}")
            message = Message(role="assistant", calls=(call,))
        else:
            message = Message(role="assistant", content="Done.")
        return AgentTurn(
            message=message, tokens=TurnTokens(context=[1, 2], sampled=[3], logprobs=[-0.5])
        )

    def forget(self, conversation_id: str) -> None:
        self.forgotten.append(conversation_id)


def in_room(terms: tuple[WeightedTerm, ...] = (), **limits: int) -> RolloutSetup:
    return RolloutSetup(domain=Room(), user=User(), terms=terms, limits=RolloutLimits(**limits))


def have(policy: Policy, where: RolloutSetup | None = None) -> Episode:
    job = RolloutJob(task=TASK, trial=0, seed=1)
    return asyncio.run(rollout(job, policy, where or in_room(), keep_tokens=True))


def test_reaching_the_wanted_state_is_success() -> None:
    episode = have(Agent("switch"))
    assert episode.score.success
    assert episode.trajectory.ended == "user_stop"
    assert [m.role for m in episode.trajectory.messages] == [
        "assistant", "user", "assistant", "tool", "assistant", "user",
    ]  # fmt: skip


def test_not_reaching_it_is_failure_with_the_difference() -> None:
    episode = have(Agent())
    assert not episode.score.success
    assert episode.grade.wanted
    assert episode.grade.actual == ()


def test_too_many_failing_calls_end_the_talk() -> None:
    episode = have(Agent(*["flip"] * 9), in_room(max_errors=3))
    assert episode.trajectory.ended == "too_many_errors"
    assert sum(m.is_error for m in episode.trajectory.messages) == 4


def test_an_endless_agent_is_stopped() -> None:
    assert have(Agent(*["switch"] * 99), in_room(message_limit=11)).trajectory.ended == "max_steps"


class Handy(Room):
    """The user has a switch too."""

    user_tools = (SWITCH,)


class Acting:
    """Makes the given calls, one a turn, then speaks twice."""

    def __init__(self, *calls: str) -> None:
        self.names = calls

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        own = [m for m in conversation.messages if m.role == "user"]
        if len(own) < len(self.names):
            name, number = self.names[len(own)], len(own)
            call = ToolCall(name=name, arguments={}, id=f"u{number}", requestor="user")
            return UserTurn(message=Message(role="user", calls=(call,), requestor="user"))
        stop = bool(own) and bool(own[-1].content)
        return UserTurn(message=Message(role="user", content="It is on."), stop=stop)


def have_with(user: Acting, **limits: int) -> Episode:
    return have(Agent(), RolloutSetup(domain=Handy(), user=user, limits=RolloutLimits(**limits)))


def test_calls_of_the_user_are_carried_out_before_the_agent_has_its_turn() -> None:
    episode = have_with(Acting("switch"))
    assert episode.score.success
    assert [(m.role, m.content, m.requestor) for m in episode.trajectory.messages[1:5]] == [
        ("user", "", "user"),
        ("tool", "on", "user"),
        ("user", "It is on.", "agent"),
        ("assistant", "Done.", "agent"),
    ]
    assert episode.trajectory.calls == ()
    assert episode.trajectory.results == ()


def test_a_tool_that_the_user_does_not_have_is_an_error_for_it_and_not_for_the_agent() -> None:
    episode = have_with(Acting("explode"), max_errors=1)
    assert episode.trajectory.ended == "user_stop"
    assert "Tool 'explode' not found" in episode.trajectory.messages[2].content


def test_a_user_whose_calls_keep_failing_is_a_fault_of_the_user() -> None:
    assert have_with(Acting(*["explode"] * 9), max_errors=3).trajectory.ended == "user_fault"


def test_a_user_that_never_speaks_is_stopped() -> None:
    assert have_with(Acting(*["switch"] * 99), message_limit=11).trajectory.ended == "max_steps"


class Broken(Agent):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        raise self.error


def test_a_fault_is_data_and_never_a_score() -> None:
    term = WeightedTerm(name="one", weight=1.0, term=_one)
    policy = Broken(RolloutFault("context_overflow", "4097 tokens, the model has room for 4096"))
    episode = have(policy, in_room((term,)))
    assert episode.trajectory.ended == "context_overflow"
    assert episode.trajectory.is_fault
    assert "4097" in episode.trajectory.fault
    assert episode.score.terms == ()
    assert len(policy.forgotten) == 1


class Courteous(Room):
    """Wants a statement in words to hold, too."""

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        return replace(super().grade(task, world, trajectory), unjudged=("The agent is polite.",))


class Assessor:
    def __init__(self, *verdicts: bool) -> None:
        self.verdicts = verdicts

    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        if not self.verdicts:
            raise RolloutFault("infrastructure_fault", "the judge cannot be reached")
        return self.verdicts


def judged(judge: Assessor | None, *calls: str) -> Episode:
    return have(Agent(*calls), RolloutSetup(domain=Courteous(), user=User(), judge=judge))


@pytest.mark.parametrize("verdict", [True, False])
def test_what_a_judge_decides_counts_beside_the_state(verdict: bool) -> None:
    episode = judged(Assessor(verdict), "switch")
    assert episode.score.success == verdict
    assert episode.grade.parts["NL_ASSERTION"] == verdict
    assert episode.uncounted == ""


def test_no_judge_is_asked_where_the_state_is_wrong_already() -> None:
    episode = judged(Assessor())
    assert not episode.score.success
    assert episode.uncounted == ""


@pytest.mark.parametrize("judge", [None, Assessor(), Assessor(True, True)])
def test_what_no_judge_decides_is_neither_passed_nor_counted(judge: Assessor | None) -> None:
    episode = judged(judge, "switch")
    assert not episode.score.success
    assert episode.uncounted == "not_gradeable"
    assert pass_table(outcomes([episode])).faults == 1


NAMES = PluginNames(
    domain="d:room", policy="d:agent", user="d:user", judge="d:judge", executor="d:executor"
)


class BrokenLamp(Lamp):
    def call(self, call: ToolCall) -> ToolResult:
        raise TimeoutError("no bulb")


class Unlit(Lamp):
    def changes(self) -> Changes:
        raise OSError("no light to see by")


class Dark(Room):
    """Its worlds, or all of it, are broken."""

    def __init__(self, world: Callable[[], Lamp]) -> None:
        self.world = world

    def open(self, task: Task) -> Lamp:
        return self.world()


class Speechless(Room):
    @property
    def greeting(self) -> str:  # type: ignore[override]
        raise KeyError("no words")


def no_world() -> Lamp:
    raise KeyError("no room")


class Gone(User):
    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        raise TimeoutError("nobody there")


class Fickle(Room):
    """Takes the grade of a conversation for a turn of it."""

    def grade(self, task: Task, world: World, trajectory: Trajectory) -> Grade:
        raise RolloutFault("agent_fault", "no grade")


class Clinging(Agent):
    def forget(self, conversation_id: str) -> None:
        raise LookupError("cannot let go")


class Undecided(Assessor):
    async def decide(
        self, assertions: Sequence[str], task: Task, trajectory: Trajectory
    ) -> Sequence[bool]:
        raise TimeoutError("who can say?")


USUAL = RolloutSetup(domain=Room(), user=User(), plugins=NAMES)


@pytest.mark.parametrize(
    ("policy", "where", "complaint"),
    [
        (Agent(), replace(USUAL, domain=Dark(no_world)), "d:room .*opening of task light"),
        (Agent(), replace(USUAL, domain=Speechless()), "d:room .*opening of task light: KeyError"),
        (Agent("switch"), replace(USUAL, domain=Dark(BrokenLamp)), "d:room .*'switch': Timeout"),
        (Agent(), replace(USUAL, domain=Dark(Unlit)), "d:room .*grade of task light: OSError"),
        (
            Agent(),
            replace(USUAL, domain=Fickle()),
            "d:room .*grade of task light: RolloutFault: no",
        ),
        (Agent(), replace(USUAL, user=Gone()), "d:user .*turn: TimeoutError: nobody"),
        (Broken(TimeoutError("slow")), USUAL, "d:agent .*turn: TimeoutError: slow"),
        (Clinging(), USUAL, "d:agent .*release of a conversation: LookupError"),
        (
            Agent("switch"),
            replace(USUAL, domain=Courteous(), judge=Undecided()),
            "d:judge .*verdict on .*: TimeoutError: who",
        ),
    ],
)
@pytest.mark.parametrize("time_limit", [None, 3600.0])
def test_whatever_a_plugin_raises_names_it_and_what_was_asked_of_it(
    policy: Policy, where: RolloutSetup, complaint: str, time_limit: float | None
) -> None:
    limited = replace(where, limits=RolloutLimits(time_limit=time_limit))
    with pytest.raises(PluginFailed, match=f"the plugin {complaint}"):
        have(policy, limited)


class Sleepy(Agent):
    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        await asyncio.Event().wait()
        raise AssertionError("nobody wakes it")


def test_the_time_limit_of_a_conversation_is_a_fault_and_no_plugins() -> None:
    episode = have(Sleepy(), replace(USUAL, limits=RolloutLimits(time_limit=0.01)))
    assert episode.trajectory.ended == "infrastructure_fault"
    assert episode.trajectory.fault == "the conversation took longer than 0.01 s"


class Stuck:
    async def map(self, function: object, items: object) -> AsyncIterator[tuple[int, Episode]]:
        raise TimeoutError("no worker")
        yield


class Careless:
    """Loses what it was given."""

    async def map(self, function: object, items: object) -> AsyncIterator[tuple[int, Episode]]:
        for _ in ():
            yield _


@pytest.mark.parametrize(
    ("executor", "complaint"),
    [(Stuck(), "TimeoutError: no worker"), (Careless(), "it has results for 0 of them")],
)
def test_an_executor_that_fails_is_named(executor: Executor, complaint: str) -> None:
    job = RolloutJob(task=TASK, trial=0, seed=1)
    with pytest.raises(PluginFailed, match=f"d:executor .*map over 1 items: .*{complaint}"):
        run_rollouts([job], Agent(), USUAL, executor)


@pytest.mark.parametrize(
    "executor", [AsyncioExecutor(4), ForkExecutor(processes=2, concurrency=2, least=2)]
)
def test_an_executor_is_not_to_blame_for_what_it_runs(executor: Executor) -> None:
    async def work(item: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_order(executor, work, range(4))

    jobs = [RolloutJob(task=TASK, trial=trial, seed=1) for trial in range(4)]
    with pytest.raises(PluginFailed, match="the plugin d:agent failed in its turn: KeyError"):
        run_rollouts(jobs, Broken(KeyError("oops")), USUAL, executor)


def test_tokens_are_joined_in_order() -> None:
    tokens = have(Agent("switch")).tokens
    assert tokens is not None
    assert tokens.ids.tolist() == [1, 2, 3, 1, 2, 3]
    assert tokens.sampled.tolist() == [False, False, True] * 2
    assert tokens.logprobs[tokens.sampled].tolist() == [-0.5, -0.5]
    with pytest.raises(ValueError, match="read-only"):
        tokens.ids[0] = 5


def test_spans_say_which_weights_sampled_which_tokens_of_the_trace() -> None:
    def turn(context: list[int], sampled: list[int], *spans: tuple[int, int, str]) -> TurnTokens:
        versions = tuple(VersionSpan(start=a, stop=b, version=name) for a, b, name in spans)
        logprobs = [0.0] * len(sampled)
        return TurnTokens(context=context, sampled=sampled, logprobs=logprobs, versions=versions)

    turns = [
        turn([1, 1], [5], (0, 1, "old")),
        turn([1], [5, 6, 7], (0, 1, "old"), (1, 3, "new")),
        turn([1], [5], (0, 1, "new")),
        turn([1], [5]),
    ]
    trace = join_tokens(turns)
    assert trace is not None
    assert [(span.start, span.stop, span.version) for span in trace.versions] == [
        (2, 5, "old"),
        (5, 9, "new"),
    ]


def _one(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
    return TermScore(name="one", value=1.0)


def test_the_total_is_the_weighted_sum_of_the_terms() -> None:
    terms = (
        WeightedTerm(name="a", weight=2.0, term=_one),
        WeightedTerm(name="b", weight=-0.5, term=_one),
    )
    assert have(Agent("switch"), in_room(terms)).score.total == 1.5


@pytest.mark.parametrize("concurrency", [1, 4, 100])
def test_episodes_come_in_the_order_of_the_jobs(concurrency: int) -> None:
    jobs = [RolloutJob(task=TASK, trial=trial, seed=trial) for trial in range(12)]
    seen: list[int] = []

    def finished(index: int, episode: Episode) -> None:
        seen.append(index)

    episodes = run_rollouts(
        jobs, Agent("switch"), in_room(), AsyncioExecutor(concurrency), finished=finished
    )
    assert [e.trajectory.trial for e in episodes] == list(range(12))
    assert sorted(seen) == list(range(12))
    assert len({e.trajectory.id for e in episodes}) == 12


def test_no_more_conversations_are_open_than_allowed() -> None:
    live = {"now": 0, "most": 0}

    async def work(item: int) -> int:
        live["now"] += 1
        live["most"] = max(live["most"], live["now"])
        await turns_of_the_loop(10)
        live["now"] -= 1
        return item

    assert sorted(asyncio.run(drain(AsyncioExecutor(3), work, 20))) == list(range(20))
    assert live["most"] == 3


def test_conversations_begin_one_by_one_so_that_none_holds_the_loop_for_all() -> None:
    begun: list[int] = []
    at_once: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        await turns_of_the_loop(1000)

    async def watch() -> None:
        while len(begun) < 50:
            before = len(begun)
            await asyncio.sleep(0)
            at_once.append(len(begun) - before)

    async def both() -> None:
        await asyncio.gather(drain(AsyncioExecutor(50), work, 50), watch())

    asyncio.run(both())
    assert max(at_once) == 1


def test_after_one_failed_no_other_begins_and_all_are_cancelled() -> None:
    begun: list[int] = []
    cancelled: list[int] = []

    async def work(item: int) -> None:
        begun.append(item)
        if item == 0:
            raise ValueError("the first one fails")
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.append(item)
            raise

    with pytest.raises(ValueError, match="the first one"):
        asyncio.run(drain(AsyncioExecutor(1000), work, 1000))
    assert len(begun) < 10
    assert cancelled == begun[1:]


async def drain(
    executor: AsyncioExecutor, work: Callable[[int], Awaitable[object]], count: int
) -> list[int]:
    return [index async for index, _ in executor.map(work, list(range(count)))]


async def turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
