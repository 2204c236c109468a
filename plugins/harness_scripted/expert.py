"""Turn a task's solution into an agent's turns: a teacher, and reference policies."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.assembly.config import Share, read_options
from harness.errors import RolloutFault
from harness.protocols import AgentTurn, Conversation, Policy, Settings
from harness.types import Message
from harness_scripted.bench import Bench
from harness_scripted.listening import Listener
from harness_scripted.mistakes import ANY, Choice, planted_mistake
from harness_scripted.phrases import AGENT, AgentPhrases, Wording
from harness_scripted.plan import Act, plan
from harness_scripted.rates import read_rate
from harness_scripted.script import Script, Turns


@dataclass(frozen=True, kw_only=True)
class ExpertOptions:
    """``slips``: how often, per opportunity in [0, 1], it makes a mistake and corrects it.

    ``listens``: believes the user, even where the user is wrong; it then makes no slips.
    ``wording``: "plain", or "varied" for many more ways to say the same.
    """

    slips: Share = 0.0
    listens: bool = False
    wording: Wording = "plain"


@dataclass(frozen=True, kw_only=True)
class NoisyOptions:
    """``kinds``: the mistakes to choose from (default: all); ``without``: mistakes never made.

    Kinds are as in ``Diagnosis.kind``. ``wording``: as for the expert.
    """

    kinds: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    wording: Wording = "plain"


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """Takes no options."""


def expert(settings: Settings) -> Policy:
    options = read_options(ExpertOptions, settings, name="expert")
    phrases = AGENT[options.wording]
    return Teacher("expert", slips=options.slips, listens=options.listens, phrases=phrases)


def oracle(settings: Settings) -> Policy:
    read_options(NoOptions, settings, name="oracle")
    return Teacher("oracle")


def noisy(settings: Settings) -> Policy:
    """``noisy:RATE``. Raises ``ConfigError`` if the rate is no number in [0, 1]."""
    options = read_options(NoisyOptions, settings, name="noisy")
    rate = read_rate(settings, name="noisy", event="mistake")
    choice = Choice(kinds=tuple(options.kinds), without=tuple(options.without))
    phrases = AGENT[options.wording]
    return Teacher(f"noisy:{rate:g}", mistakes=rate, choice=choice, phrases=phrases)


def noop(settings: Settings) -> Policy:
    read_options(NoOptions, settings, name="noop")
    return Idle()


class Teacher:
    """Knows the task: asks for what it needs, proposes each write, makes it, and says so.

    ``mistakes`` is the share of conversations in which it makes one decisive mistake, of the kind
    that ``planted_mistake`` tells, ``choice`` those it chooses from. One that ``listens`` is a
    ``Listener``.
    """

    def __init__(
        self,
        id: str,
        *,
        slips: float = 0.0,
        mistakes: float = 0.0,
        choice: Choice = ANY,
        listens: bool = False,
        phrases: AgentPhrases = AGENT["plain"],
    ) -> None:
        self.id = id
        self.slips = slips
        self.mistakes = mistakes
        self.choice = choice
        self.listens = listens
        self.phrases = phrases
        self._playing: dict[str, Turns] = {}

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        """Raises ``RolloutFault`` when the domain has no solution for the task."""
        turns = self._playing.get(conversation.id)
        if turns is not None:
            return turns.send(conversation.messages)
        # A rollout's seed grows with its messages; the difference is the job's own seed.
        turns = self._start(conversation, seed - len(conversation.messages))
        self._playing[conversation.id] = turns
        return next(turns)

    def forget(self, conversation_id: str) -> None:
        self._playing.pop(conversation_id, None)

    def _start(self, conversation: Conversation, seed: int) -> Turns:
        task, domain = conversation.task, conversation.domain
        acts: Sequence[Act] | None = plan(task, domain)
        if acts is None:
            raise RolloutFault("agent_fault", f"the domain {domain.name} cannot solve {task.id}")
        mistake = planted_mistake(domain, task, seed, self.mistakes, self.choice)
        if self.listens:
            bench = Bench(domain, task, tuple(acts), random.Random(seed))
            listener = Listener(bench, seed=seed, phrases=self.phrases)
            return listener.play(acts, conversation.messages)
        script = Script(task, domain, seed=seed, slips=self.slips, phrases=self.phrases)
        return script.play(mistake.acts if mistake else acts, conversation.messages)


class Idle:
    """Never calls a tool: shows the score of doing nothing."""

    id = "noop"

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        text = "I am sorry, but I cannot help you with that. Is there anything else?"
        return AgentTurn(message=Message(role="assistant", content=text))

    def forget(self, conversation_id: str) -> None:
        return None
