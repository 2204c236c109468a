"""Turn a scenario and what the agent said into the customer's next words, without a model."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.assembly.config import PositiveInt, read_options
from harness.errors import RolloutFault
from harness.protocols import Conversation, Settings, UserSimulator, UserTurn
from harness.types import Fact, Message, Request, Task, Tool, ToolCall, stable_seed
from harness_scripted.acting import Deed, other_look, read_back, told_call
from harness_scripted.offers import left_open, recognise, revised_arguments
from harness_scripted.phrases import USER, UserPhrases, Wording
from harness_scripted.speech import Heard, contradicts, hear, normal, speaks_of_success, touches

STRAYS = 0.5
"""How often a hesitant user first looks at something else than it is told."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``patience``: consecutive agent turns without progress before the user leaves.

    ``wording``: "plain", or "varied" for many more ways to say the same.
    """

    patience: PositiveInt = 3
    wording: Wording = "plain"


def scripted_user(settings: Settings) -> UserSimulator:
    options = read_options(Options, settings, name="scripted")
    return ScriptedUser(options.patience, USER[options.wording])


class ScriptedUser:
    """A customer who plays the scenario's requests in order and answers from its facts alone.

    Where the domain gives it tools, it does what it is told to do with them, one thing at a time,
    and tells what it sees. A persona that is called "hesitant" or "tech-savvy" does so in its own
    way. Stateless: each reply replays the conversation, so equal messages and
    seeds give equal replies.
    """

    def __init__(self, patience: int, phrases: UserPhrases = USER["plain"]) -> None:
        self.patience = patience
        self.phrases = phrases

    def customer(self, conversation: Conversation, seed: int) -> Customer:
        """Who plays the conversation from its start; ``seed`` is that of all its turns."""
        return Customer(conversation.task, seed, self.patience, self.phrases)

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        """Raises ``RolloutFault`` for a task without requests: there is nothing to play."""
        if not task.scenario.requests:
            raise RolloutFault("user_fault", f"task {task.id} has no requests to play")
        messages, tools = conversation.messages, conversation.domain.user_tools
        # A rollout's seed grows with its messages; the difference stays the same.
        customer = self.customer(conversation, seed - len(messages))
        turn, deed = Say(customer.open()), None
        for content, results in _agents_turns(messages)[1:]:
            told = told_call(content, tools)
            deed = customer.do(told, tools) if told else None
            failed = any(result.is_error for result in results)
            turn = (
                customer.tell(deed, read_back(results), failed=failed)
                if deed
                else customer.answer(hear(content))
            )
        if deed and deed.calls and messages[-1].role == "assistant":
            return UserTurn(message=_acting(deed.calls, len(messages)))
        message = Message(role="user", content=turn.text)
        return UserTurn(
            message=message, stop=turn.stop, transfer=turn.transfer, gave_up=turn.gave_up
        )


def _agents_turns(messages: Sequence[Message]) -> list[tuple[str, list[Message]]]:
    """What the agent has said, each time with the results of what the user then did."""
    turns: list[tuple[str, list[Message]]] = []
    for message in messages:
        if message.role == "assistant" and not message.calls:
            turns.append((message.content, []))
        elif message.role == "tool" and message.requestor == "user" and turns:
            turns[-1][1].append(message)
    return turns


def _acting(calls: Sequence[ToolCall], place: int) -> Message:
    made = (replace(call, id=f"user_{place}_{number}") for number, call in enumerate(calls))
    return Message(role="user", calls=tuple(made), requestor="user")


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    stop: bool = False
    transfer: bool = False
    gave_up: bool = False


class Customer:
    """The customer's current request, what it has told, and how long there was no progress."""

    def __init__(self, task: Task, seed: int, patience: int, phrases: UserPhrases) -> None:
        self.phrases = phrases
        self.scenario = task.scenario
        self.wants_to_know = tuple(normal(text) for text in task.communicate)
        self.key = stable_seed(task.id, seed)
        self.patience = patience
        self.index = 0
        self.turn = 0
        self.idle = 0
        self.told: list[Fact] = []
        self.accepted = self.revised = self.insisted = False
        self.hesitated = self.strayed = self.acted = False
        self._hold_as_told()

    @property
    def is_hesitant(self) -> bool:
        return "hesitant" in self.scenario.persona

    @property
    def is_savvy(self) -> bool:
        return "tech-savvy" in self.scenario.persona

    @property
    def request(self) -> Request:
        return self.scenario.requests[self.index]

    def open(self) -> str:
        return self._pick(self.request.says)

    def answer(self, heard: Heard) -> Say:
        self.turn += 1
        if heard.transfers:
            return Say(self._pick(self.phrases.thanks), stop=True, transfer=True)
        self.idle += 1
        said = self._respond(heard)
        if self.idle >= self.patience and not said.stop:
            return Say(self._pick(self.phrases.give_up), stop=True, gave_up=True)
        return said

    def do(self, told: ToolCall, tools: Sequence[Tool]) -> Deed:
        """What it does when it is told to make a call.

        Who is hesitant asks back before it changes something for the first time, and, by seed,
        first looks at something else than it is told.
        """
        self.turn += 1
        kind = next((tool.kind for tool in tools if tool.name == told.name), "")
        if self.is_hesitant and kind == "write" and not self.hesitated:
            self.hesitated = True
            return Deed(says=self._pick(self.phrases.hesitates))
        if self.is_hesitant and kind == "read" and not self.strayed:
            self.strayed = True
            rng = random.Random(stable_seed(self.key, "strays"))
            other = other_look(told, tools, rng) if rng.random() < STRAYS else None
            if other:
                return Deed(calls=(other,), strayed=True)
        return Deed(calls=(told,))

    def tell(self, deed: Deed, seen: str, *, failed: bool) -> Say:
        """What it says after the deed, of which it saw that. One that failed is no progress."""
        self.idle = self.idle + 1 if failed else 0
        if self.idle >= self.patience:
            return Say(self._pick(self.phrases.give_up), stop=True, gave_up=True)
        if not deed.calls:
            return Say(deed.says, stop=deed.leaves)
        self.acted = True
        acted = self.phrases.terse if self.is_savvy else self.phrases.acted
        return Say(self._pick(self.phrases.strayed if deed.strayed else acted).format(seen))

    def _respond(self, heard: Heard) -> Say:
        asked, told = self._asked(heard)
        if heard.proposes and not (asked and not self._about_request(heard)):
            return self._consider(heard)
        if heard.closes:
            return self._conclude(heard)
        if asked:
            self.idle = 0
            return self._tell(asked)
        if told:
            return self._tell(told)
        if self._is_answered(heard):
            return self._move_on(self._pick(self.phrases.next))
        if heard.refuses:
            return self._take_refusal(insists=self.request.outcome == "done")
        if heard.reports and (self.accepted or touches(heard.text, self.request.verbs)):
            return self._move_on(self._pick(self.phrases.next))
        if not heard.text:
            return Say(self._pick(self.phrases.pardon))
        # What it complained of may be gone by now.
        mended = self.acted and speaks_of_success(heard.text)
        wish = self._pick(self.phrases.guide_me) if mended else self._restate()
        if heard.question:
            return Say(f"{self._pick(self.phrases.unknown)} {wish}")
        return Say(self._pick(self.phrases.waiting) if self.accepted else wish)

    # --- questions -------------------------------------------------------------------------------

    def _asked(self, heard: Heard) -> tuple[list[Fact], list[Fact]]:
        """The untold and the told facts that a question asks for."""
        if not heard.question:
            return [], []
        facts = [*self.scenario.identity, *self.request.facts]
        meant = [fact for fact in facts if touches(heard.question, fact.asked_by)]
        if not meant and not heard.refuses and not heard.proposes:
            meant = [fact for fact in facts if touches(heard.text, fact.asked_by)]
        return [f for f in meant if f not in self.told], [f for f in meant if f in self.told]

    def _is_answered(self, heard: Heard) -> bool:
        """Whether the request was a question and a message answers it."""
        if self.request.want is not None or self.request.outcome != "done":
            return False
        text = heard.text.replace(",", "")
        return bool(self.wants_to_know) and all(fact in text for fact in self.wants_to_know)

    def _tell(self, facts: Sequence[Fact]) -> Say:
        self.told += [fact for fact in facts if fact not in self.told]
        return Say(" ".join(self._pick(fact.says) for fact in facts))

    # --- proposals -------------------------------------------------------------------------------

    def _consider(self, heard: Heard) -> Say:
        """Yes, a change of mind, or what is wrong with the proposal."""
        relevant = self._about_request(heard)
        if not relevant and heard.refuses:
            return self._take_refusal()
        if not relevant and self.accepted and heard.reports:
            return self._move_on(self._pick(self.phrases.no_more))
        either = left_open(heard.question, self.request)
        if either:
            return self._tell(either)
        offer = recognise(heard.text, self.request)
        pending = self.request.revision is not None and not self.revised
        if offer != "first":
            objection = self._objection(heard, offer)
            if objection:
                return Say(f"{self._pick(self.phrases.no)} {objection}")
        elif not pending:
            return Say(f"{self._pick(self.phrases.no)} {self._restate()}")
        if pending and offer != "last":
            self.revised, self.idle = True, 0
            return Say(self._restate())
        if not self.accepted:
            self.accepted, self.idle = True, 0
        return Say(self._pick(self.phrases.yes))

    def _about_request(self, heard: Heard) -> bool:
        return (
            not self.request.verbs
            or touches(heard.text, self.request.verbs)
            or recognise(heard.text, self.request) != ""
        )

    def _objection(self, heard: Heard, offer: str) -> str:
        """What is wrong with a proposal, in the user's words; "" if nothing is."""
        if not self._about_request(heard):
            return self._restate()
        revised = revised_arguments(self.request) if offer == "last" else frozenset()
        for fact in (*self.scenario.identity, *self.request.facts):
            # Where the user changes its mind, facts may still describe what it wanted first.
            if contradicts(heard.text, fact) and not revised.intersection(fact.needed_for):
                return self._tell([fact]).text
        return ""

    # --- endings ---------------------------------------------------------------------------------

    def _conclude(self, heard: Heard) -> Say:
        """The answer to "anything else?"."""
        if self.accepted and (heard.reports or not heard.refuses):
            return self._move_on(self._pick(self.phrases.next))
        if heard.refuses:
            return self._take_refusal()
        if heard.reports or self.request.want is None:
            return self._move_on(self._pick(self.phrases.next))
        return Say(self._restate())

    def _take_refusal(self, *, insists: bool = False) -> Say:
        """It insists once on what can be done; ``insists``: on what it only complained of or asked,
        too, since nothing was closed yet.
        """
        if (insists or self.request.want is not None) and not self.insisted:
            self.insisted = True
            return Say(f"{self._pick(self.phrases.insist)} {self._restate()}")
        return self._move_on(self._pick(self.phrases.resigned))

    def _move_on(self, opening: str) -> Say:
        self.idle = 0
        if self.index + 1 == len(self.scenario.requests):
            return Say(self._pick(self.phrases.thanks), stop=True)
        self.told = [fact for fact in self.told if fact in self.scenario.identity]
        self.index += 1
        self.accepted = self.revised = self.insisted = self.acted = False
        self._hold_as_told()
        return Say(f"{opening} {self.open()}")

    def _hold_as_told(self) -> None:
        self.told += [
            fact
            for fact in (*self.scenario.identity, *self.request.facts)
            if fact.volunteered and fact not in self.told
        ]

    def _restate(self) -> str:
        revision = self.request.revision
        return self._pick(revision.says if revision and self.revised else self.request.says)

    def _pick(self, wordings: Sequence[str]) -> str:
        return wordings[stable_seed(self.key, self.turn, wordings[0]) % len(wordings)]
