"""Whatever a plugin offers is looked at where it enters: errors name plugin, hook and value."""

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness import hookspecs
from harness.assembly import registry
from harness.assembly.entry_points import PluginInfo, Plugins, discover, leave_out
from harness.assembly.registry import KINDS, Registry
from harness.discovery.diagnose import diagnose
from harness.discovery.patterns import find_patterns
from harness.errors import NameClash, PluginFailed, UnknownName
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.rollout import rollout
from harness.protocols import PluginNames, Policy, RolloutJob, RolloutSetup, Settings, WeightedTerm
from harness.testing import AgreeableUser, IdlePolicy, play
from harness.testing.checks.judges import sample_diagnoses
from harness.types import (
    Diagnosis,
    ErrorPattern,
    Grade,
    Message,
    Recipe,
    Scenario,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    Trajectory,
)
from harness_asyncio import executor

LAMP = Tool(name="switch", description="Switch.", parameters={"type": "object"}, kind="write")
TASK = Task(id="t", domain="lamp", split="test", scenario=Scenario(reason="dark"), world={})
PLUGIN = "harness-lamp:lamp"


class World:
    def call(self, call: ToolCall) -> Any:
        return ToolResult(content="on")

    def changes(self) -> Any:
        return ()


class Lamp(DomainDefaults):
    name = "lamp"
    tools = (LAMP,)

    def tasks(self, split: Split) -> Any:
        return [replace(TASK, split=split)]

    def open(self, task: Task) -> Any:
        return World()


def plugin(hook: str, offered: object) -> object:
    class Module:
        pass

    setattr(Module, hook, staticmethod(hookspecs.hookimpl(lambda: offered)))
    return Module()


@pytest.fixture
def offering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Registry]:
    """A registry of plugins that each offer one thing for one kind."""

    def build(*offers: tuple[str, str, object]) -> Registry:
        found = discover([])
        rows = []
        for key, kind, offered in offers:
            found.manager.register(plugin(KINDS[kind], offered), name=key)
            distribution, _, name = key.partition(":")
            rows.append(PluginInfo(name=name, module="m", distribution=distribution, version="1"))
        both = Plugins(manager=found.manager, rows=tuple(rows))
        monkeypatch.setattr(registry, "discover", lambda: both)
        return Registry()

    return build


class Mute:
    """Inherits from no protocol and has nothing."""


class Borrowed(Policy):
    """Inherits what only says `...`."""

    id = "borrowed"


class Loose:
    id = "loose"

    async def act(self, conversation: object) -> None: ...

    def forget(self, conversation_id: str) -> None: ...


class Numbered(Lamp):
    name = 7  # type: ignore[assignment]


@pytest.mark.parametrize("kind", [*KINDS])
@pytest.mark.parametrize("product", [None, "a string", Mute()], ids=["None", "str", "object"])
def test_a_product_that_is_none_of_its_kind_is_refused_as_it_enters(
    kind: str, product: object, offering: Callable[..., Registry]
) -> None:
    offers = offering((PLUGIN, kind, {"mine": lambda settings: product}))
    with pytest.raises(PluginFailed) as error:
        offers.make(kind, "mine", Settings())  # type: ignore[call-overload]
    told = str(error.value)
    assert PLUGIN in told
    assert KINDS[kind] in told
    assert "'mine'" in told
    assert ("None" if product is None else type(product).__name__) in told


@pytest.mark.parametrize(
    ("kind", "factory", "complaint"),
    [
        ("domain", lambda settings: Lamp, "the class Lamp itself"),
        ("domain", lambda settings: Numbered(), r"its name is an int \(7\), expected str"),
        ("policy", lambda settings: Borrowed(), "it lacks act"),
        ("policy", lambda settings: Loose(), r"its act takes .*expected \(conversation, \*, seed"),
        ("policy", lambda settings: sys.exit(3), "SystemExit: 3"),
    ],
)
def test_a_product_that_keeps_half_of_its_protocol_is_told_the_other_half(
    kind: str, factory: object, complaint: str, offering: Callable[..., Registry]
) -> None:
    offers = offering((PLUGIN, kind, {"mine": factory}))
    with pytest.raises(PluginFailed, match=complaint):
        offers.make(kind, "mine", Settings())  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("offered", "complaint"),
    [
        ({"": print}, "the name ''"),
        ({3: print}, "the name 3"),
        ({"my judge:x": print}, "the name 'my judge:x'"),
        ({"a,b": print}, "the name 'a,b'"),
        ({"mine": Lamp()}, "the factory of 'mine' is a Lamp"),
        ({"mine": lambda: Lamp()}, r"the factory of 'mine' takes \(\), expected \(settings\)"),
        (None, "it returned None"),
        (["mine"], "it returned a list"),
    ],
)
def test_a_bad_offer_is_a_broken_row_that_names_hook_and_value(
    offered: object, complaint: str, offering: Callable[..., Registry]
) -> None:
    offers = offering((PLUGIN, "judge", offered), ("b:other", "judge", {"good": print}))
    row = next(row for row in offers.plugins if row.key == PLUGIN)
    assert "harness_judges" in row.error
    assert complaint.replace("\\", "") in row.error
    assert offers.names("judge") == ["good"]


def test_two_plugins_with_one_name_stop_only_who_asks_for_it(
    offering: Callable[..., Registry],
) -> None:
    same = {"retail": lambda settings: Lamp()}
    offers = offering(("a:one", "domain", same), ("b:two", "domain", same))
    with pytest.raises(NameClash, match="'retail' is offered by two plugins: a:one and b:two"):
        offers.find("domain", "retail")
    with pytest.raises(UnknownName):
        offers.find("domain", "lamp")


def test_a_plugin_can_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_PLUGINS_OFF", "")
    leave_out(["scripted"])
    leave_out(["errata-harness:probes"])
    rows = {row.name: row.error for row in discover().rows}
    assert "left out" in rows["scripted"]
    assert "left out" in rows["probes"]
    assert not rows["rewards"]


# --- what a domain answers ------------------------------------------------------------------------


class Broken(Lamp):
    """Answers amiss where it is told to."""

    def __init__(self, method: str, answer: Callable[[], object]) -> None:
        setattr(self, method, lambda *given, **named: answer())


def failing() -> object:
    raise KeyError("branch")


DOMAIN_CALLS: Mapping[str, Callable[[Any], object]] = {
    "tasks": lambda domain: domain.tasks("test"),
    "open": lambda domain: domain.open(TASK),
    "stage": lambda domain: domain.stage(TASK),
    "generate": lambda domain: next(domain.generate(0, Recipe())),
    "solve": lambda domain: domain.solve(TASK),
    "readings": lambda domain: domain.readings(TASK),
    "weave": lambda domain: domain.weave(TASK, "twist", 0),
    "problems": lambda domain: domain.problems(TASK),
    "grade": lambda domain: domain.grade(TASK, World(), None),
}


@pytest.mark.parametrize("method", [*DOMAIN_CALLS])
@pytest.mark.parametrize("answer", [failing, lambda: 5], ids=["raises", "wrong"])
def test_what_a_domain_answers_amiss_names_its_plugin(
    method: str, answer: Callable[[], object], offering: Callable[..., Registry]
) -> None:
    offers = offering((PLUGIN, "domain", {"lamp": lambda settings: Broken(method, answer)}))
    domain = offers.make("domain", "lamp", Settings())
    with pytest.raises(PluginFailed, match=PLUGIN):
        DOMAIN_CALLS[method](domain)


@pytest.mark.parametrize(
    "answer",
    [failing, lambda: None, lambda: "on", lambda: ToolResult(content=3)],  # type: ignore[arg-type]
)
def test_a_world_that_answers_amiss_is_told_of_the_domain_and_not_of_the_policy(
    answer: Callable[[], object], offering: Callable[..., Registry]
) -> None:
    class Odd(World):
        def call(self, call: ToolCall) -> object:
            return answer()

    class OddLamp(Lamp):
        def open(self, task: Task) -> World:
            return Odd()

    class Looking(IdlePolicy):
        """Tries calls by itself before it speaks, as scripted teachers do."""

        async def act(self, conversation: Any, *, seed: int) -> Any:
            conversation.domain.open(conversation.task).call(ToolCall(name="switch", arguments={}))
            return await super().act(conversation, seed=seed)

    offers = offering((PLUGIN, "domain", {"lamp": lambda settings: OddLamp()}))
    setup = RolloutSetup(
        domain=offers.make("domain", "lamp", Settings()),
        user=AgreeableUser(),
        plugins=PluginNames(domain=PLUGIN, policy="p:looking"),
    )
    with pytest.raises(PluginFailed, match=f"{PLUGIN} .*call of 'switch' in task t"):
        asyncio.run(rollout(RolloutJob(task=TASK, trial=0, seed=0), Looking(), setup))


def test_a_domain_that_answers_well_is_the_domain_itself_to_whoever_asks(
    offering: Callable[..., Registry],
) -> None:
    class Own(Lamp):
        own = "more"

        def grade(self, task: Task, world: object, trajectory: Trajectory) -> Grade:
            assert isinstance(world, World)
            return Grade(success=True)

    domain = offering((PLUGIN, "domain", {"lamp": lambda settings: Own()})).make(
        "domain", "lamp", Settings()
    )
    assert domain.own == "more"  # type: ignore[attr-defined]
    assert play(domain, TASK).grade.success
    assert domain.tools is domain.tools


# --- what other products answer -------------------------------------------------------------------


class Answering(IdlePolicy):
    def __init__(self, answer: object, *, at_once: bool = False) -> None:
        self.answer, self.at_once = answer, at_once

    def act(self, conversation: object, *, seed: int) -> Any:
        async def later() -> object:
            return self.answer

        return self.answer if self.at_once else later()


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        (Answering(None), r"act\(\) is None, expected an AgentTurn"),
        (Answering("hello", at_once=True), r"act\(\) is a str .* expected a coroutine"),
        (Answering("hello"), "expected an AgentTurn"),
    ],
)
def test_a_policy_that_answers_amiss_is_named(policy: Policy, complaint: str) -> None:
    names = PluginNames(policy="p:mine")
    setup = RolloutSetup(domain=Lamp(), user=AgreeableUser(), plugins=names)
    with pytest.raises(PluginFailed, match=f"p:mine .*{complaint}"):
        asyncio.run(rollout(RolloutJob(task=TASK, trial=0, seed=0), policy, setup))


class Saying:
    def __init__(self, **wrong: object) -> None:
        self.wrong = wrong

    async def diagnose(self, failure: Any, domain: object) -> Any:
        if not self.wrong:
            return None
        found = Diagnosis(
            trajectory_id=failure.trajectory.id,
            task_id="t",
            blame="agent",
            kind="missing_step",
            turn=0,
            summary="Nothing was done.",
        )
        return replace(found, **self.wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({}, r"diagnose\(\) is None, expected a Diagnosis"),
        ({"blame": "nobody"}, "it blames 'nobody'"),
        ({"kind": ""}, "its kind is ''"),
        ({"trajectory_id": "another"}, "it is of the trajectory 'another'"),
    ],
)
def test_a_judge_that_answers_amiss_is_named(wrong: dict[str, object], complaint: str) -> None:
    failed = [play(Lamp(), TASK)]
    one_by_one = executor.AsyncioExecutor(1)
    with pytest.raises(PluginFailed, match=f"j:mine .*{complaint}"):
        diagnose(failed, Saying(**wrong), Lamp(), one_by_one, PluginNames(judge="j:mine"))


class Lumping:
    method = "one lump"

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def cluster(self, diagnoses: Sequence[Diagnosis], previous: object) -> Any:
        return self.answer


def pattern(**wrong: Any) -> ErrorPattern:
    whole = ErrorPattern(id="p", name="p", description="p", members=("trajectory-0",), share=1.0)
    return replace(whole, **wrong)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, r"cluster\(\) is None"),
        ({"p": 1}, r"cluster\(\) is a dict"),
        ([["trajectory-0"]], "expected an ErrorPattern"),
        ([pattern(members=("x",))], "the members of the pattern 'p' are"),
        ([pattern(), pattern(id="q")], "each in one pattern"),
        ([pattern(members=())], "the members of the pattern"),
        ([pattern(share=30)], "the share of 'p' is 30"),
    ],
)
def test_a_clusterer_of_wrong_values_is_named(answer: object, complaint: str) -> None:
    with pytest.raises(PluginFailed) as error:
        find_patterns(sample_diagnoses(3), Lumping(answer), plugin="c:mine")
    assert "c:mine" in str(error.value)
    assert complaint.replace("\\", "") in str(error.value)


def test_a_term_that_answers_with_a_number_is_named() -> None:
    term: Any = lambda trajectory, grade, task: 0.5  # noqa: E731
    weighted = WeightedTerm(name="mine", weight=1.0, plugin="r:mine", term=term)
    setup = RolloutSetup(domain=Lamp(), user=AgreeableUser(), terms=(weighted,))
    with pytest.raises(PluginFailed, match=r"r:mine .*the score is a float \(0.5\)"):
        asyncio.run(rollout(RolloutJob(task=TASK, trial=0, seed=0), IdlePolicy(), setup))


def test_the_role_of_what_a_user_says_is_looked_at() -> None:
    class Posing(AgreeableUser):
        async def reply(self, task: Task, conversation: Any, *, seed: int) -> Any:
            turn = await super().reply(task, conversation, seed=seed)
            return replace(turn, message=Message(role="assistant", content="hi"))

    names = PluginNames(user="u:mine")
    setup = RolloutSetup(domain=Lamp(), user=Posing(), plugins=names)
    with pytest.raises(PluginFailed, match=r"u:mine .*role of the message is 'assistant'"):
        asyncio.run(rollout(RolloutJob(task=TASK, trial=0, seed=0), IdlePolicy(), setup))
