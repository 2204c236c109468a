"""Turn a scenario and what the agent said into the customer's next words, by a chat model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.assembly.config import NonNegativeFloat, read_options
from harness.errors import RolloutFault
from harness.llm.prompts import prompt
from harness.llm.replies import agrees, stops_too_soon, wrong_with
from harness.llm.signals import Heard, harmless, hear
from harness.protocols import ChatClient, Conversation, Settings, UserSimulator, UserTurn
from harness.protocols.chat_model import ChatReply
from harness.types import Message, Scenario, Task, Usage

NO_ANSWER = "it ended the chat, but the agent waits for an answer or has yet to do what was agreed"


@dataclass(frozen=True, kw_only=True)
class Options:
    """``temperature`` None: the provider's own."""

    temperature: NonNegativeFloat | None = None


def llm_user(chat: ChatClient, settings: Settings) -> UserSimulator:
    """A customer played by a chat model, with the options of ``[options.user]``."""
    return LLMUser(chat, read_options(Options, settings, name="user").temperature)


class LLMUser(UserSimulator):
    """A customer who is told the scenario and sees what the agent says, never what it does.

    A reply that cannot be sent is asked for once more, with a reminder; so is a goodbye without a
    word to an agent that waits for an answer. A yes that is also a goodbye is only a yes.
    """

    def __init__(self, chat: ChatClient, temperature: float | None = None) -> None:
        self._chat = chat
        self._temperature = temperature

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        """The next message, without signals. Raises ``RolloutFault`` ("user_fault") if twice in a
        row nothing came that could be sent.

        Calls of the domain's user tools come as ``message.calls``.
        """
        system = user_system(task.scenario, conversation.domain.user_guidelines)
        first = await self._ask(system, conversation, seed)
        problem, turn = _judged(first, conversation)
        if not problem:
            return turn
        reminder = prompt("user_reminder").fill(problem=problem)
        second = await self._ask(f"{system}\n\n{reminder}", conversation, seed)
        # What was thought under another system prompt is bound to that prompt.
        second = replace(second, message=replace(second.message, opaque=None))
        problem, turn = _judged(second, conversation)
        if problem and problem != NO_ANSWER:
            raise RolloutFault("user_fault", f"the user's reply cannot be used: {problem}")
        return replace(turn, usage=first.usage.plus(second.usage))

    async def _ask(self, system: str, conversation: Conversation, seed: int) -> ChatReply:
        return await self._chat.ask(
            seen_by_user(conversation.messages),
            system=system,
            version=prompt("user").version,
            tools=conversation.domain.user_tools,
            seed=seed,
            temperature=self._temperature,
        )


def user_system(scenario: Scenario, guidelines: str = "") -> str:
    """The system prompt of a model that plays the customer; ``guidelines`` are the domain's."""
    parts = {
        "Why you write": scenario.reason,
        "What you know": scenario.known,
        "What you do not know": scenario.unknown,
        "How to go about it": scenario.instructions,
        "Who you are": scenario.persona,
    }
    info = "\n\n".join(f"## {title}\n\n{text}" for title, text in parts.items() if text)
    own = f"# Guidelines of this service\n\n{guidelines.strip()}" if guidelines.strip() else ""
    return prompt("user").fill(scenario=info, guidelines=own)


def seen_by_user(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The conversation with roles flipped: what the agent said is "user", the rest "assistant".

    The agent's tool calls and results are left out, and so is text next to a call, which the user
    does not get. What looks like a signal in the agent's text is made harmless.
    """
    seen: list[Message] = []
    for message in messages:
        if _is_speech(message):
            seen.append(Message(role="user", content=harmless(message.content) or "(nothing)"))
        elif message.role == "user":
            seen.append(
                Message(
                    role="assistant",
                    content=message.content,
                    calls=message.calls,
                    requestor=message.requestor,
                    opaque=message.opaque,
                )
            )
        elif message.role == "tool" and message.requestor == "user":
            seen.append(message)
    return tuple(seen)


def _is_speech(message: Message) -> bool:
    return message.role == "assistant" and not message.calls


def _judged(reply: ChatReply, conversation: Conversation) -> tuple[str, UserTurn]:
    """What is wrong with the reply ("": nothing), and the turn it makes."""
    if reply.message.calls and conversation.domain.user_tools:
        return "", _calling(reply, len(conversation.messages))
    agent = [m.content for m in conversation.messages if _is_speech(m)]
    heard = hear(reply.message.content)
    problem = wrong_with(heard, agent, is_cut=reply.stop_reason == "length")
    if not stops_too_soon(heard, agent, is_owed=_is_owed(conversation)):
        return problem, _turn(heard, reply.usage)
    if not heard.text:
        return NO_ANSWER, _turn(heard, reply.usage)
    return problem, _turn(replace(heard, signals=frozenset()), reply.usage)


def _is_owed(conversation: Conversation) -> bool:
    """Whether the user's last message agreed to something, and the agent has called no writing
    tool since.
    """
    messages = conversation.messages
    spoke = [n for n, m in enumerate(messages) if m.role == "user" and m.content]
    asked = [m.content for m in messages[: spoke[-1]] if _is_speech(m)] if spoke else []
    if not asked or not agrees(messages[spoke[-1]].content, asked[-1]):
        return False
    writing = {tool.name for tool in conversation.domain.tools if tool.kind == "write"}
    since = [m for m in messages[spoke[-1] :] if m.role == "assistant"]
    return not any(call.name in writing for m in since for call in m.calls)


def _turn(heard: Heard, usage: Usage) -> UserTurn:
    return UserTurn(
        message=Message(role="user", content=heard.text),
        usage=usage,
        stop=bool(heard.signals),
        transfer="transfer" in heard.signals,
        gave_up="out_of_scope" in heard.signals,
    )


def _calling(reply: ChatReply, number: int) -> UserTurn:
    """Its calls, with ids that are no call's of the agent."""
    calls = tuple(
        replace(call, id=f"user_{number}_{index}", requestor="user")
        for index, call in enumerate(reply.message.calls)
    )
    opaque = reply.message.opaque
    message = Message(role="user", calls=calls, requestor="user", opaque=opaque)
    return UserTurn(message=message, usage=reply.usage)
