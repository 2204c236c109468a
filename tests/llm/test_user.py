"""The customer played by a chat model: what it is told, what it says, and when it may leave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from harness.assembly.guarded_domain import unguarded
from harness.errors import RolloutFault
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.rollout import rollout
from harness.llm.policy import llm_policy
from harness.llm.role_client import RoleClient
from harness.llm.roles import open_registry
from harness.llm.user import llm_user
from harness.protocols import (
    Conversation,
    Domain,
    RolloutJob,
    RolloutLimits,
    RolloutSetup,
    Settings,
    UserTurn,
)
from harness.protocols.chat_model import ChatReply, ChatRequest
from harness.testing import FakeChatModel, check_user_simulator
from harness.types import (
    Changes,
    Episode,
    Message,
    Scenario,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)

CONFIRM = "I will cancel order #W1 and refund your gift card. Do you confirm (yes/no)?"
DONE = "Your order #W1 has been cancelled. Is there anything else I can help you with?"
WAIT = "Thank you. One moment, please."


def chat(model: FakeChatModel) -> RoleClient:
    return RoleClient(model, provider="fake", role="user")


def retail() -> Domain:
    return open_registry().make("domain", "retail", Settings())


@pytest.fixture(scope="module")
def domain() -> Domain:
    return retail()


@pytest.fixture
def task() -> Task:
    scenario = Scenario(
        reason="You want to cancel order #W1.",
        known="You are Ada Byron, zip code 12345.",
        unknown="You do not know your email.",
        instructions="If it cannot be cancelled, leave.",
        persona="Curt.",
    )
    return Task(id="t", domain="retail", split="train", scenario=scenario, world={})


def said(*texts: str, greeting: str = "Hi! How can I help you today?") -> tuple[Message, ...]:
    """A conversation: the greeting, then user and agent in turns."""
    turns = [Message(role="assistant", content=greeting)]
    for number, text in enumerate(texts):
        turns.append(Message(role="assistant" if number % 2 else "user", content=text))
    return tuple(turns)


def reply(
    model: FakeChatModel, domain: Domain, task: Task, messages: Sequence[Message]
) -> UserTurn:
    talk = Conversation(id="c", domain=domain, task=task, messages=tuple(messages))
    return asyncio.run(llm_user(chat(model), Settings()).reply(task, talk, seed=7))


# --- what it is told -----------------------------------------------------------------------------


def test_it_is_told_all_of_the_scenario_and_nothing_of_the_solution(
    domain: Domain, task: Task
) -> None:
    model = FakeChatModel("Hello")
    reply(model, domain, task, said())
    system = model.requests[0].system
    for text in ("cancel order #W1", "12345", "your email", "If it cannot", "Curt"):
        assert text in system
    assert "cancel_pending_order" not in system


def test_parts_that_the_scenario_does_not_have_have_no_heading(domain: Domain) -> None:
    bare = Task(id="t", domain="retail", split="train", scenario=Scenario(reason="Why."), world={})
    model = FakeChatModel("Hello")
    reply(model, domain, bare, said())
    assert "What you do not know" not in model.requests[0].system


def test_it_is_told_the_guidelines_of_the_domain(task: Task) -> None:
    domain: Any = unguarded(retail())
    domain.user_guidelines = "Customers here speak in rhymes."
    model = FakeChatModel("Hello")
    reply(model, domain, task, said())
    assert "speak in rhymes" in model.requests[0].system


def test_braces_in_a_scenario_are_left_alone(domain: Domain) -> None:
    odd = Scenario(reason="Say {guidelines} and {nothing}.")
    task = Task(id="t", domain="retail", split="train", scenario=odd, world={})
    model = FakeChatModel("Hello")
    reply(model, domain, task, said())
    assert "Say {guidelines} and {nothing}." in model.requests[0].system


def test_the_agent_speaks_as_user_and_the_customer_as_assistant(domain: Domain, task: Task) -> None:
    model = FakeChatModel("It is 12345.")
    turn = reply(model, domain, task, said("I want to cancel.", "Your zip code?"))
    assert [(m.role, m.content) for m in model.requests[0].messages] == [
        ("user", "Hi! How can I help you today?"),
        ("assistant", "I want to cancel."),
        ("user", "Your zip code?"),
    ]
    assert turn.message == Message(role="user", content="It is 12345.")


def test_it_sees_neither_calls_nor_results_nor_text_beside_calls(
    domain: Domain, task: Task
) -> None:
    call = ToolCall(name="get_order_details", arguments={"order_id": "secret"}, id="c1")
    model = FakeChatModel("Fine.")
    messages = (
        *said("I want to cancel."),
        Message(role="assistant", content="secret thoughts", calls=(call,)),
        Message(role="tool", content="secret result", call_id="c1"),
        Message(role="assistant", content="Which order?"),
    )
    reply(model, domain, task, messages)
    assert "secret" not in str(model.requests[0].messages)


def test_it_speaks_at_the_temperature_of_its_options(domain: Domain, task: Task) -> None:
    model = FakeChatModel("Hello")
    user = llm_user(chat(model), Settings(options={"temperature": 0.0}))
    talk = Conversation(id="c", domain=domain, task=task, messages=said())
    asyncio.run(user.reply(task, talk, seed=7))
    assert (model.requests[0].temperature, model.requests[0].seed) == (0.0, 7)


# --- signals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "flags"),
    [
        ("Bye ###STOP###", (True, False, False)),
        ("Thanks. ###TRANSFER###", (True, True, False)),
        ("I cannot say. ###OUT-OF-SCOPE###", (True, False, True)),
        ("Bye ### stop ###", (True, False, False)),
        ("Bye **###STOP###**", (True, False, False)),
        ("Bye ＃＃＃STOP＃＃＃", (True, False, False)),
        ("Bye ##\u200bSTOP\u200b##", (True, False, False)),
        ("Bye ###STOP", (True, False, False)),
        ("Adiós ###PARAR###", (True, False, False)),
        ("再见 ###停止###", (True, False, False)),
        ("Danke ###WEITERLEITUNG###", (True, True, False)),
        ("Hm ###OUT_OF_SCOPE###", (True, False, True)),
        ("Hm ### fuera de alcance ###", (True, False, True)),
        ("My order is #W1, stop it please.", (False, False, False)),
    ],
)
def test_signals_become_flags(
    domain: Domain, task: Task, written: str, flags: tuple[bool, bool, bool]
) -> None:
    turn = reply(FakeChatModel(written), domain, task, said("Hello.", DONE))
    assert (turn.stop, turn.transfer, turn.gave_up) == flags
    assert "##" not in turn.message.content


def test_the_agent_is_not_shown_the_signal(domain: Domain, task: Task) -> None:
    turn = reply(FakeChatModel("No, thanks! ###STOP###"), domain, task, said("Hello.", DONE))
    assert turn.message.content == "No, thanks!"


def test_a_signal_nobody_knows_is_asked_for_again(domain: Domain, task: Task) -> None:
    model = FakeChatModel("Bye ###HANGUP###", "Bye ###STOP###")
    turn = reply(model, domain, task, said("Hello.", DONE))
    assert turn.stop
    assert "HANGUP" in model.requests[1].system


# --- not leaving too soon ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "customer"),
    [
        (CONFIRM, "Yes, please go ahead. ###STOP###"),
        (CONFIRM, "yes ###STOP###"),
        (CONFIRM, "Sí, confirmo. ###STOP###"),
        ("Here is what I will do: cancel #W1. Please confirm.", "Confirmed, thanks! ###STOP###"),
        ("Shall I cancel it? Is there anything else?", "Yes, cancel it. Nothing else. ###STOP###"),
        ("So the zip code is 12345?", "That's right, bye. ###STOP###"),
        (WAIT, "Thank you so much, bye! ###STOP###"),
        ("I'll process the cancellation now.", "Great. ###STOP###"),
        ("注文をキャンセルしますか？", "はい、お願いします。###STOP###"),
        ("Potvrzujete zrušení?", "Ano, prosím. ###STOP###"),
        ("What is your email?", "It is ada@example.com. ###STOP###"),
        (CONFIRM, "No problem, go ahead. ###STOP###"),
        (DONE, "Yes, one more thing: please return my lamp. ###STOP###"),
        (DONE, "When will I get the money? ###STOP###"),
    ],
)
def test_an_answer_that_is_also_a_goodbye_is_only_an_answer(
    domain: Domain, task: Task, agent: str, customer: str
) -> None:
    model = FakeChatModel(customer)
    turn = reply(model, domain, task, said("Cancel #W1.", agent))
    assert not turn.stop
    assert turn.message.content == customer.removesuffix("###STOP###").strip()
    assert len(model.requests) == 1


@pytest.mark.parametrize(
    ("agent", "customer"),
    [
        (DONE, "No, that is all. ###STOP###"),
        (DONE, "Yes, that is all, thanks. ###STOP###"),
        (DONE, "###STOP###"),
        (DONE, "No, I want nothing more. ###STOP###"),
        ("I have cancelled it. I will send you an email.", "Okay, thanks. ###STOP###"),
        ("I am sorry, that is not possible.", "Okay, bye. ###STOP###"),
        (CONFIRM, "No, I have changed my mind. Never mind. ###STOP###"),
        ("Please hold on while I transfer you to a human agent.", "Okay. ###TRANSFER###"),
        (CONFIRM, "Yes, hand me over. ###TRANSFER###"),
        ("What is your email?", "I don't know my email. I give up. ###STOP###"),
        ("您确认吗？", "不，谢谢。###STOP###"),
    ],
)
def test_it_may_leave_when_nothing_is_pending(
    domain: Domain, task: Task, agent: str, customer: str
) -> None:
    assert reply(FakeChatModel(customer), domain, task, said("Cancel #W1.", agent)).stop


CANCEL = ToolCall(name="cancel_pending_order", arguments={"order_id": "#W1"}, id="c1")
LOOK = ToolCall(name="get_order_details", arguments={"order_id": "#W1"}, id="c1")


@pytest.mark.parametrize(
    ("call", "answer", "may_leave"),
    [
        (None, "Great, thank you for that.", False),
        (LOOK, "Great, thank you for that.", False),
        (CANCEL, "Great, thank you for that.", True),
        (None, DONE, True),
        (None, "I am transferring you to a human agent.", True),
    ],
)
def test_after_a_yes_it_stays_until_the_agent_acted_or_says_that_it_did(
    domain: Domain, task: Task, call: ToolCall | None, answer: str, may_leave: bool
) -> None:
    acted = (Message(role="assistant", calls=(call,)), Message(role="tool", call_id="c1"))
    messages = (
        *said("Cancel #W1.", CONFIRM, "Yes, please."),
        *(acted if call else ()),
        Message(role="assistant", content=answer),
    )
    turn = reply(FakeChatModel("Thanks, bye. ###STOP###"), domain, task, messages)
    assert turn.stop == may_leave


def test_an_agent_that_does_nothing_after_a_yes_costs_one_more_message(
    domain: Domain, task: Task
) -> None:
    messages = said("Cancel #W1.", CONFIRM, "Yes, please.", "Great.", "Thanks, bye.", "Goodbye.")
    assert reply(FakeChatModel("Bye. ###STOP###"), domain, task, messages).stop


def test_after_a_no_it_may_leave_at_once(domain: Domain, task: Task) -> None:
    messages = said("Cancel #W1.", CONFIRM, "No, leave it.", "All right, I leave it as it is.")
    assert reply(FakeChatModel("Bye. ###STOP###"), domain, task, messages).stop


def test_the_first_message_is_never_the_last(domain: Domain, task: Task) -> None:
    turn = reply(FakeChatModel("Cancel #W1, thanks. ###STOP###"), domain, task, said())
    assert not turn.stop


def test_who_leaves_an_open_question_without_a_word_is_asked_once_more(
    domain: Domain, task: Task
) -> None:
    model = FakeChatModel("###STOP###", "Yes, do it.")
    turn = reply(model, domain, task, said("Cancel #W1.", CONFIRM))
    assert (turn.stop, turn.message.content) == (False, "Yes, do it.")
    assert "waits for an answer" in model.requests[1].system


def test_who_leaves_an_open_question_twice_may_leave(domain: Domain, task: Task) -> None:
    model = FakeChatModel("###STOP###", "###STOP###")
    turn = reply(model, domain, task, said("Cancel #W1.", CONFIRM))
    assert (turn.stop, turn.message.content) == (True, "")


def test_an_agent_that_asks_the_same_again_can_be_left(domain: Domain, task: Task) -> None:
    messages = said("Cancel #W1.", CONFIRM, "Yes.", CONFIRM)
    assert reply(FakeChatModel("Yes, I said! ###STOP###"), domain, task, messages).stop


# --- replies that cannot be sent -----------------------------------------------------------------

LONG = "word " * 2000
ECHO = (
    "Thank you for contacting us about your order, could you please tell me your full name and "
    "your zip code so that I can find your account?"
)


@pytest.mark.parametrize("bad", ["\u200b", LONG, ECHO, "Sure! How can I assist you today?"])
def test_a_reply_that_cannot_be_sent_is_asked_for_again(
    domain: Domain, task: Task, bad: str
) -> None:
    model = FakeChatModel(bad, "It is 12345.")
    turn = reply(model, domain, task, said("Cancel #W1.", ECHO))
    assert turn.message.content == "It is 12345."
    assert turn.usage == Usage(tokens_in=20, tokens_out=10, calls=2)
    first, second = model.requests
    assert second.system.startswith(first.system)
    assert "Reminder" in second.system
    assert second.messages == first.messages


def test_a_reply_that_was_cut_is_asked_for_again(domain: Domain, task: Task) -> None:
    cut = ChatReply(
        message=Message(role="assistant", content="It is"), usage=Usage(), stop_reason="length"
    )
    turn = reply(FakeChatModel(cut, "It is 12345."), domain, task, said("Cancel #W1.", ECHO))
    assert turn.message.content == "It is 12345."


@pytest.mark.parametrize("bad", ["\u200b", LONG, ECHO, "Bye ###HANGUP###"])
def test_the_same_twice_is_a_fault_of_the_user(domain: Domain, task: Task, bad: str) -> None:
    with pytest.raises(RolloutFault) as fault:
        reply(FakeChatModel(bad, bad), domain, task, said("Cancel #W1.", ECHO))
    assert fault.value.kind == "user_fault"


@pytest.mark.parametrize(
    "words",
    [
        "Yes, the waterproof hiking boots, size 8, leather.",
        "Thank you!",
        "I want the waterproof hiking boots in size 8 because my old ones are worn out by now.",
    ],
)
def test_a_customer_may_use_the_words_of_an_offer(domain: Domain, task: Task, words: str) -> None:
    offer = "We have the waterproof hiking boots, size 8, leather. Thank you!"
    assert reply(FakeChatModel(words), domain, task, said("Boots.", offer)).message.content == words


# --- dual control --------------------------------------------------------------------------------


def test_a_user_with_tools_of_its_own_can_call_them(task: Task) -> None:
    domain: Any = unguarded(retail())
    switch = Tool(name="switch_on", description="", parameters={"type": "object"}, kind="write")
    domain.user_tools = (switch,)
    call = ToolCall(name="switch_on", arguments={}, id="x")
    model = FakeChatModel(Message(role="assistant", content="aside", calls=(call,)))
    turn = reply(model, domain, task, said("It is dark.", "Switch it on, please."))
    assert list(model.requests[0].tools) == [switch]
    assert turn.message.content == ""
    assert [(c.name, c.requestor) for c in turn.message.calls] == [("switch_on", "user")]


class Lamp:
    """A world with one switch."""

    def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(content="it is bright")

    def changes(self) -> Changes:
        return ()


class DarkRoom(DomainDefaults):
    name = "room"
    tools = ()
    user_tools = (Tool(name="switch_on", description="", parameters={}, kind="write"),)

    def tasks(self, split: Split) -> Sequence[Task]:
        return ()

    def open(self, task: Task) -> Lamp:
        return Lamp()


def test_its_calls_are_carried_out_and_it_goes_on_with_the_results(task: Task) -> None:
    call = ToolCall(name="switch_on", arguments={}, id="x")
    customer = FakeChatModel("It is dark.", Message(role="assistant", calls=(call,)), "Thanks.")
    agent = FakeChatModel("Switch it on, please.", "Is that all?")
    setup = RolloutSetup(
        domain=DarkRoom(),
        user=llm_user(chat(customer), Settings()),
        limits=RolloutLimits(message_limit=5),
    )
    policy = llm_policy(RoleClient(agent, provider="fake", role="agent"), Settings())
    asyncio.run(rollout(RolloutJob(task=task, trial=0, seed=3), policy, setup))
    made, result = customer.requests[2].messages[-2:]
    assert (made.calls[0].name, result.content) == ("switch_on", "it is bright")
    assert made.calls[0].id == result.call_id
    assert "bright" not in str([request.messages for request in agent.requests])


def test_calls_of_a_user_without_tools_are_nothing(domain: Domain, task: Task) -> None:
    call = ToolCall(name="get_order_details", arguments={}, id="x")
    only_calls = Message(role="assistant", calls=(call,))
    both = Message(role="assistant", content="It is #W1.", calls=(call,))
    turn = reply(FakeChatModel(only_calls, both), domain, task, said("Cancel.", "Which order?"))
    assert turn.message == Message(role="user", content="It is #W1.")


def test_it_sees_the_results_of_its_own_calls(domain: Domain, task: Task) -> None:
    call = ToolCall(name="switch_on", arguments={}, id="x", requestor="user")
    model = FakeChatModel("It is bright now.")
    messages = (
        *said("It is dark.", "Switch it on, please."),
        Message(role="user", calls=(call,), requestor="user"),
        Message(role="tool", content="on", call_id="x", requestor="user"),
    )
    reply(model, domain, task, messages)
    assert [m.role for m in model.requests[0].messages[-2:]] == ["assistant", "tool"]


# --- in a rollout --------------------------------------------------------------------------------


def test_it_keeps_the_contract_of_users(domain: Domain) -> None:
    def answer(request: ChatRequest) -> str:
        if len(request.messages) < 6:
            return f"This is my message number {len(request.messages) // 2 + 1}."
        return "I give up. ###OUT-OF-SCOPE###"

    check_user_simulator(llm_user(chat(FakeChatModel(answer)), Settings()), domain)


def hasty(task: Task, domain: Domain) -> FakeChatModel:
    """The scripted customer as a chat model that says goodbye with each of its messages."""
    scripted = open_registry().make("user simulator", "scripted", Settings(domain=domain))

    def answer(request: ChatRequest) -> str:
        flipped = tuple(
            Message(role="user" if m.role == "assistant" else "assistant", content=m.content)
            for m in request.messages
        )
        talk = Conversation(id="c", domain=domain, task=task, messages=flipped)
        return _now(scripted.reply(task, talk, seed=len(flipped))) + " ###STOP###"

    return FakeChatModel(answer)


def _now(turn: object) -> str:
    """What a coroutine that never waits comes to."""
    try:
        turn.send(None)  # type: ignore[attr-defined]
    except StopIteration as done:
        return str(done.value.message.content)
    raise AssertionError("the scripted user waits for nobody")


def had_by(model: FakeChatModel, task: Task, domain: Domain) -> Episode:
    registry = open_registry()
    setup = RolloutSetup(domain=domain, user=llm_user(chat(model), Settings()))
    expert = registry.make("policy", "expert", Settings(domain=domain))
    return asyncio.run(rollout(RolloutJob(task=task, trial=0, seed=3), expert, setup))


def test_a_customer_in_a_hurry_gets_what_it_agreed_to(domain: Domain) -> None:
    tasks = [t for t in domain.tasks("validation") if len(t.scenario.requests) == 1 and t.gold][:8]
    assert len(tasks) == 8
    for task in tasks:
        episode = had_by(hasty(task, domain), task, domain)
        assert episode.trajectory.ended in ("user_stop", "transfer")
        assert episode.grade.success, episode.trajectory.messages
