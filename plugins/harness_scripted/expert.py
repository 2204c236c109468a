"""Turn a task's solution into an agent's turns: a teacher, and agents to compare others with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.config import read_options
from harness.errors import ConfigError, RolloutFault
from harness.protocols import AgentTurn, Conversation, Policy, Settings
from harness.types import Message
from harness_scripted.mistakes import planted_mistake
from harness_scripted.plan import Act, plan
from harness_scripted.script import Script, Turns


@dataclass(frozen=True, kw_only=True)
class ExpertOptions:
    """``slips``: how often, per opportunity in [0, 1], it errs and puts it right."""

    slips: float = 0.0


@dataclass(frozen=True, kw_only=True)
class NoOptions:
    """Takes no options."""


def expert(settings: Settings) -> Policy:
    return Teacher("expert", slips=read_options(ExpertOptions, settings, name="expert").slips)


def oracle(settings: Settings) -> Policy:
    read_options(NoOptions, settings, name="oracle")
    return Teacher("oracle")


def noisy(settings: Settings) -> Policy:
    """``noisy:RATE``. Raises ``ConfigError`` if the rate is no number in [0, 1]."""
    read_options(NoOptions, settings, name="noisy")
    try:
        rate = float(settings.argument or 1)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise ConfigError(
            f"noisy needs a rate in [0, 1], not {settings.argument!r}",
            hint="Write noisy:0.5 for a mistake in every second conversation.",
        )
    return Teacher(f"noisy:{rate:g}", mistakes=rate)


def noop(settings: Settings) -> Policy:
    read_options(NoOptions, settings, name="noop")
    return Idle()


class Teacher:
    """Knows the task: asks for what it needs, proposes each write, makes it, and says so.

    ``mistakes`` is the share of conversations in which it makes one decisive mistake, of the kind
    that ``planted_mistake`` tells.
    """

    def __init__(self, id: str, *, slips: float = 0.0, mistakes: float = 0.0) -> None:
        self.id = id
        self.slips = slips
        self.mistakes = mistakes
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
        mistake = planted_mistake(domain, task, seed, self.mistakes)
        script = Script(task, domain, seed=seed, slips=self.slips)
        return script.play(mistake.acts if mistake else acts, conversation.messages)


class Idle:
    """Never calls a tool: the score that doing nothing gets."""

    id = "noop"

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        text = "I am sorry, but I cannot help you with that. Is there anything else?"
        return AgentTurn(message=Message(role="assistant", content=text))

    def forget(self, conversation_id: str) -> None:
        return None
