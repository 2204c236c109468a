"""The scripted user on the phone: what it says to agents that speak freely."""

from __future__ import annotations

import asyncio
from itertools import islice

import pytest

from harness.protocols import Conversation, UserTurn
from harness.types import Message, Recipe, Task
from harness_scripted.user import ScriptedUser
from harness_telecom.domain import TelecomDomain

DOMAIN = TelecomDomain()


class Call:
    """A conversation in which an agent only speaks; the user's calls are carried out.

    ``works``: whether they succeed.
    """

    def __init__(self, *features: str, works: bool = True) -> None:
        self.works = works
        recipe = Recipe(required=features, plain=True, requests=1)
        self.task: Task = next(islice(DOMAIN.generate(1, recipe), 1))
        self.world = DOMAIN.open(self.task)
        self.done: list[str] = []
        self.messages = [Message(role="assistant", content=DOMAIN.greeting)]
        self.opening = self._hear().message.content

    def say(self, *contents: str) -> UserTurn:
        """What the user answers to the last of these."""
        for content in contents:
            self.messages.append(Message(role="assistant", content=content))
            turn = self._hear()
        return turn

    def _hear(self) -> UserTurn:
        while True:
            messages = tuple(self.messages)
            so_far = Conversation(id="c", domain=DOMAIN, task=self.task, messages=messages)
            turn = asyncio.run(ScriptedUser(3).reply(self.task, so_far, seed=7 + len(messages)))
            self.messages.append(turn.message)
            for call in turn.message.calls:
                result = self.world.call(call)
                self.done.append(call.name)
                self.messages.append(
                    Message(
                        role="tool",
                        content=result.content,
                        call_id=call.id,
                        is_error=not self.works,
                        requestor="user",
                    )
                )
            if not turn.message.calls:
                return turn


def wanted(call: Call) -> float:
    [fact] = [f for f in call.task.scenario.requests[0].facts if "gb_amount" in f.needed_for]
    return float(fact.recognised_by[0].split()[0])


@pytest.mark.parametrize(
    "question",
    ["How much data do you want me to add?", "How many GB should I add?", "Which amount in GB?"],
)
def test_asked_how_much_it_does_not_say_yes(question: str) -> None:
    call = Call("refuel", "withheld")
    assert f"{wanted(call)} GB" in call.say("Which line do you mean?", question).message.content


@pytest.mark.parametrize("amount", [0.5, 0.8, 5.5])
def test_it_accepts_no_other_amount(amount: float) -> None:
    call = Call("refuel")
    answer = call.say(f"I will add {amount} GB. Shall I proceed?").message.content
    assert answer.startswith("No")
    assert call.say(f"I will add {wanted(call)} GB. Shall I proceed?").message.content[:3] == "Yes"


def test_told_that_nobody_was_found_it_says_who_it_is() -> None:
    call = Call("failing_lookup", "refuel")
    answer = call.say("I see nobody with that number. What is your full name?").message.content
    name = call.task.scenario.identity[1].recognised_by[0]
    assert name in answer.lower()


def test_sympathy_ends_no_call_and_a_refusal_is_taken_at_the_second_time() -> None:
    call = Call("no_service", "airplane_mode")
    assert not call.say("I am sorry to hear that. Let me look into it.").stop
    assert not call.say("We cannot repair that.").stop
    assert call.say("I am sorry, we cannot repair that.").stop


def test_after_a_repair_it_no_longer_complains() -> None:
    call = Call("no_service", "airplane_mode")
    answer = call.say("Please toggle airplane mode.", "Does it work now?").message.content
    assert call.done == ["toggle_airplane_mode"]
    assert "tell me what to look at" in answer
    assert call.say("It has been fixed. Anything else?").stop


def test_an_agent_that_asks_for_what_cannot_be_done_wears_its_patience_out() -> None:
    unknown = "Please do this: set network mode preference, network mode 6g."
    call = Call("mobile_data", "old_network_mode")
    assert not call.say(unknown, unknown).stop
    assert call.say(unknown).gave_up
    assert call.done == []


def test_deeds_that_fail_wear_its_patience_out() -> None:
    call = Call("no_service", "airplane_mode", works=False)
    assert not call.say("Please toggle data.", "Please toggle data.").stop
    assert call.say("Please toggle data.").gave_up
    assert call.done == ["toggle_data"] * 3
