"""Turn a conversation into the agent's next turn, by a chat model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

from harness.assembly.config import NonNegativeFloat, read_options
from harness.errors import RolloutFault
from harness.llm.prompts import prompt
from harness.protocols import AgentTurn, ChatClient, Conversation, Policy, SamplingPolicy, Settings
from harness.runtime.foreign_text import visible
from harness.types import Message, ToolCall

LONGEST_NAME = 64
"""Characters of a tool's name that every provider takes back."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``temperature`` None: that of the run; "default": the provider's own, for models that take no
    other.
    """

    temperature: NonNegativeFloat | Literal["default"] | None = None


def llm_policy(chat: ChatClient, settings: Settings) -> Policy:
    """An agent played by a chat model, called ``provider:model``, with the options of
    ``[options.agent]``.
    """
    return LLMPolicy(chat, read_options(Options, settings, name="agent").temperature)


class LLMPolicy(SamplingPolicy):
    """An agent that is told the domain's policy and has its tools; it never sees the task.

    A turn is a message or calls, never both: text next to calls reaches nobody and is dropped.
    Calls keep their order, get ids of their place in the conversation, and are carried out as they
    are: a wrong one becomes an error result, which the model sees. It never ends the conversation.
    """

    def __init__(
        self, chat: ChatClient, temperature: float | Literal["default"] | None = None
    ) -> None:
        self.id = f"{chat.provider}:{chat.model}"
        self._chat = chat
        self._is_set = temperature is not None
        self._temperature = None if temperature == "default" else temperature

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        """The next turn. Raises ``RolloutFault`` when the model gives none."""
        opening = tuple(takewhile(_is_speech, conversation.messages))
        reply = await self._chat.ask(
            _heard(conversation.messages[len(opening) :]),
            system=agent_system(conversation.domain.policy, opening),
            version=prompt("agent").version,
            tools=conversation.domain.tools,
            seed=seed,
            temperature=self._temperature,
        )
        calls = _placed(reply.message.calls, len(conversation.messages))
        content = "" if calls else visible(reply.message.content).strip()
        if not content and not calls:
            raise RolloutFault("agent_fault", "the agent's message has no visible text")
        opaque = reply.message.opaque
        message = Message(role="assistant", content=content, calls=calls, opaque=opaque)
        return AgentTurn(message=message, usage=reply.usage)

    def set_temperature(self, temperature: float) -> None:
        """Sample at this temperature from now on, unless the options say otherwise."""
        if not self._is_set:
            self._temperature = temperature

    def forget(self, conversation_id: str) -> None:
        """Nothing is kept."""


def agent_system(policy: str, opening: Sequence[Message] = ()) -> str:
    """The system prompt of a model that plays the agent.

    ``opening`` is what it has said before the user's first word: several providers refuse
    conversations that begin with the agent, so it is quoted here.
    """
    greeting = "\n".join(message.content for message in opening) or "(nothing yet)"
    return prompt("agent").fill(policy=policy or "(none)", greeting=greeting)


def _heard(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Without the user's own tool calls and their results."""
    return tuple(
        m for m in messages if m.requestor == "agent" and not (m.role == "user" and m.calls)
    )


def _is_speech(message: Message) -> bool:
    return message.role == "assistant" and not message.calls


def _placed(calls: Sequence[ToolCall], number: int) -> tuple[ToolCall, ...]:
    """The calls with ids that are unique in the conversation, and names fit to be sent back."""
    return tuple(
        replace(
            call, id=f"call_{number}_{index}" if index else f"call_{number}", name=_name(call.name)
        )
        for index, call in enumerate(calls)
    )


def _name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:LONGEST_NAME] or "unnamed"
