"""The agent played by a chat model: what it is told, what its turns hold, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice

import pytest

from harness.errors import ChatFailure, NothingToLearn, RolloutFault
from harness.evaluation.rollout import rollout
from harness.llm.policy import llm_policy
from harness.llm.role_client import RoleClient
from harness.llm.roles import open_registry
from harness.protocols import (
    AgentTurn,
    Conversation,
    Domain,
    Policy,
    RolloutJob,
    RolloutLimits,
    RolloutSetup,
    SamplingPolicy,
    Settings,
)
from harness.protocols.chat_model import UNPARSED, ChatRequest
from harness.testing import FakeChatModel, check_policy
from harness.training.demonstrations import demonstrations
from harness.types import Episode, Json, Message, Task, ToolCall, Usage


def policy(model: FakeChatModel) -> Policy:
    return llm_policy(RoleClient(model, provider="fake", role="agent"), Settings())


def calling(*calls: ToolCall, text: str = "") -> Message:
    return Message(role="assistant", content=text, calls=calls)


def lookup(order: str, identity: str = "toolu_1") -> ToolCall:
    return ToolCall(name="get_order_details", arguments={"order_id": order}, id=identity)


@pytest.fixture(scope="module")
def domain() -> Domain:
    return open_registry().make("domain", "retail", Settings())


@pytest.fixture(scope="module")
def task(domain: Domain) -> Task:
    return next(t for t in domain.tasks("validation") if t.gold)


def opened(domain: Domain, *more: Message) -> tuple[Message, ...]:
    greeting = Message(role="assistant", content=domain.greeting)
    return (greeting, Message(role="user", content="Hello."), *more)


def act(model: FakeChatModel, domain: Domain, task: Task, messages: Sequence[Message]) -> AgentTurn:
    talk = Conversation(id="c", domain=domain, task=task, messages=tuple(messages))
    return asyncio.run(policy(model).act(talk, seed=7))


def had(model: FakeChatModel, domain: Domain, task: Task) -> Episode:
    user = open_registry().make("user simulator", "scripted", Settings(domain=domain))
    setup = RolloutSetup(domain=domain, user=user, limits=RolloutLimits(message_limit=12))
    return asyncio.run(rollout(RolloutJob(task=task, trial=0, seed=3), policy(model), setup))


# --- what it is told -----------------------------------------------------------------------------


def test_it_is_called_by_provider_and_model() -> None:
    assert policy(FakeChatModel("Hi")).id == "fake:fake-1"


def test_it_is_told_the_policy_and_has_the_tools_and_never_sees_the_task(
    domain: Domain, task: Task
) -> None:
    model = FakeChatModel("Hi")
    act(model, domain, task, opened(domain))
    request = model.requests[0]
    assert domain.policy in request.system
    assert list(request.tools) == list(domain.tools)
    assert task.scenario.reason not in str(request)


def test_the_greeting_is_quoted_so_that_the_user_speaks_first(domain: Domain, task: Task) -> None:
    model = FakeChatModel("Hi")
    act(model, domain, task, opened(domain))
    request = model.requests[0]
    assert [m.role for m in request.messages] == ["user"]
    assert domain.greeting in request.system


def test_all_turns_of_a_conversation_have_the_same_system_text(domain: Domain, task: Task) -> None:
    model = FakeChatModel(lambda _: "What do you mean?")
    had(model, domain, task)
    assert len(model.requests) > 1
    assert len({request.system for request in model.requests}) == 1


def test_it_sees_its_calls_and_their_results(domain: Domain, task: Task) -> None:
    model = FakeChatModel("Hi")
    made = calling(lookup("#W1"))
    result = Message(role="tool", content="Order not found", call_id="toolu_1", is_error=True)
    act(model, domain, task, opened(domain, made, result))
    assert model.requests[0].messages[1:] == (made, result)


def test_it_does_not_see_what_the_user_does_with_tools_of_its_own(
    domain: Domain, task: Task
) -> None:
    own = ToolCall(name="switch_on", arguments={}, id="u", requestor="user")
    hidden = (
        Message(role="user", calls=(own,), requestor="user"),
        Message(role="tool", content="bright", call_id="u", requestor="user"),
    )
    model = FakeChatModel("Hi")
    messages = opened(domain, *hidden, Message(role="user", content="It is bright."))
    act(model, domain, task, messages)
    assert [m.content for m in model.requests[0].messages] == ["Hello.", "It is bright."]


@pytest.mark.parametrize(
    ("options", "temperature"),
    [({}, 0.7), ({"temperature": 0.3}, 0.3), ({"temperature": "default"}, None)],
)
def test_it_samples_at_the_temperature_of_the_run_or_of_its_options(
    domain: Domain, task: Task, options: dict[str, Json], temperature: float | None
) -> None:
    model = FakeChatModel("Hi")
    chat = RoleClient(model, provider="fake", role="agent")
    agent = llm_policy(chat, Settings(options=options))
    assert isinstance(agent, SamplingPolicy)
    agent.set_temperature(0.7)
    talk = Conversation(id="c", domain=domain, task=task, messages=opened(domain))
    asyncio.run(agent.act(talk, seed=7))
    assert (model.requests[0].temperature, model.requests[0].seed) == (temperature, 7)


# --- what its turns hold -------------------------------------------------------------------------


def test_a_turn_is_a_message_or_calls_and_costs_what_the_call_cost(
    domain: Domain, task: Task
) -> None:
    turn = act(FakeChatModel("How can I help?"), domain, task, opened(domain))
    assert turn.message == Message(role="assistant", content="How can I help?")
    assert turn.usage == Usage(tokens_in=10, tokens_out=5, calls=1)
    assert not turn.stop


def test_text_beside_calls_is_said_to_nobody(domain: Domain, task: Task) -> None:
    model = FakeChatModel(calling(lookup("#W1"), text="Let me look."))
    turn = act(model, domain, task, opened(domain))
    assert turn.message.content == ""
    assert [call.name for call in turn.message.calls] == ["get_order_details"]


def test_a_turn_without_visible_text_is_a_fault(domain: Domain, task: Task) -> None:
    with pytest.raises(RolloutFault) as fault:
        act(FakeChatModel("\u200b\x1b[0m"), domain, task, opened(domain))
    assert fault.value.kind == "agent_fault"


def test_calls_at_once_keep_their_order_and_get_ids_of_their_own(
    domain: Domain, task: Task
) -> None:
    model = FakeChatModel(calling(lookup("#W2", "same"), lookup("#W1", "same"), lookup("#W3", "")))
    calls = act(model, domain, task, opened(domain)).message.calls
    assert [call.arguments["order_id"] for call in calls] == ["#W2", "#W1", "#W3"]
    assert len({call.id for call in calls}) == 3


def test_equal_turns_at_other_places_have_other_ids(domain: Domain, task: Task) -> None:
    first = act(FakeChatModel(calling(lookup("#W1"))), domain, task, opened(domain))
    result = Message(role="tool", content="...", call_id=first.message.calls[0].id)
    messages = opened(domain, first.message, result)
    second = act(FakeChatModel(calling(lookup("#W1"))), domain, task, messages)
    assert first.message.calls[0].id != second.message.calls[0].id


def test_results_come_in_the_order_of_the_calls(domain: Domain, task: Task) -> None:
    def answer(request: ChatRequest) -> Message | str:
        if any(m.calls for m in request.messages):
            return "What do you mean?"
        return calling(lookup("#W1"), lookup("#W2"))

    trajectory = had(FakeChatModel(answer), domain, task).trajectory
    assert [r.call_id for r in trajectory.results] == [c.id for c in trajectory.calls]
    assert len(trajectory.calls) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ToolCall(name="get_order_details", arguments={UNPARSED: '{"order_id": '}, id="x"),
        ToolCall(name="get_order_details", arguments={"order_id": ["#W1", {}]}, id="x"),
        ToolCall(name="get_order_details", arguments={}, id="x"),
        ToolCall(name="no such tool!\x1b[31m", arguments={"a": 1}, id="x"),
        ToolCall(name="", arguments={}, id="x"),
    ],
)
def test_a_wrong_call_is_an_error_that_the_model_sees(
    domain: Domain, task: Task, wrong: ToolCall
) -> None:
    def answer(request: ChatRequest) -> Message | str:
        failed = any(m.is_error for m in request.messages)
        return "Sorry, what do you mean?" if failed else calling(wrong)

    model = FakeChatModel(answer)
    episode = had(model, domain, task)
    assert not episode.trajectory.is_fault
    assert [r.is_error for r in episode.trajectory.results] == [True]
    assert model.requests[1].messages[-1].is_error
    assert all(c.name.replace("_", "").isalnum() for c in episode.trajectory.calls)


# --- as teacher, and by the book -----------------------------------------------------------------


def test_it_keeps_the_contract_of_policies(domain: Domain) -> None:
    check_policy(policy(FakeChatModel(lambda _: "I cannot help you.")), domain)


def shown_by(model: FakeChatModel, domain: Domain) -> Iterator[Episode]:
    user = open_registry().make("user simulator", "scripted", Settings(domain=domain))
    executor = open_registry().make("executor", "asyncio", Settings())
    return demonstrations(policy(model), RolloutSetup(domain=domain, user=user), executor, seed=0)


def test_a_teacher_that_solves_nothing_is_given_up(domain: Domain) -> None:
    with pytest.raises(NothingToLearn, match="fake:fake-1"):
        next(shown_by(FakeChatModel(lambda _: "Pardon?"), domain))


def test_a_teacher_that_only_fails_to_answer_is_given_up_with_the_reason(domain: Domain) -> None:
    def refuse(_: ChatRequest) -> str:
        raise ChatFailure("refusal", "I will not")

    with pytest.raises(NothingToLearn, match=r"64 ended in a fault, the first: .*I will not"):
        next(shown_by(FakeChatModel(refuse), domain))


def test_only_what_a_teacher_solved_is_a_demonstration(domain: Domain) -> None:
    model = FakeChatModel(lambda _: "I am sorry, I cannot help you with that.")
    shown = list(islice(shown_by(model, domain), 3))
    asked = [request for request in model.requests if len(request.messages) == 1]
    assert all(episode.score.success for episode in shown)
    assert len(asked) > 3 * len(shown), "most tasks are not solved by refusing"
