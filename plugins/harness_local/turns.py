"""Turn conversations into token-exact turns, whatever samples them. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.protocols import AgentTurn, Conversation, TurnSampler, TurnTokens
from harness.types import Checkpoint, Message, TokenTrace, Usage
from harness_local.codec import Codec, Transcript, heard


@dataclass(slots=True)
class _Talk:
    """A live conversation: how much of it is tokens already, and whether its last turn ended."""

    transcript: Transcript
    seen: int = 0
    unfinished: bool = False


class CodecPolicy:
    """A ``TrainablePolicy`` but for ``save``, and a ``ReadablePolicy``: it writes what was said by
    the codec, and reads what the sampler answers.

    Text that is no call is a message; an unreadable call becomes a call to a tool that does not
    exist. Sampled ids are never tokenised again.
    """

    def __init__(self, *, codec: Codec, sampler: TurnSampler, checkpoint: Checkpoint) -> None:
        self.id = f"{checkpoint.policy}:{checkpoint.id}"
        self.checkpoint = checkpoint
        self._codec = codec
        self._sampler = sampler
        self._talks: dict[str, _Talk] = {}

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        talk = self._talks.get(conversation.id)
        if talk is None:
            talk = self._talks[conversation.id] = _Talk(self._codec.open(conversation.domain))
        messages = conversation.messages
        context: list[int] = []
        for ids, _ in _written(talk, messages):
            context += ids
        sampled = await self._sampler.turn(conversation.id, context, seed=seed)
        message = talk.transcript.read(sampled.ids, number=len(messages))
        talk.seen = len(messages) + 1
        talk.unfinished = sampled.ids[-1] not in self._codec.ends
        return AgentTurn(
            message=message,
            tokens=TurnTokens(
                context=context,
                sampled=sampled.ids,
                logprobs=sampled.logprobs,
                versions=sampled.versions,
            ),
            usage=Usage(tokens_in=len(context), tokens_out=len(sampled.ids), calls=1),
        )

    def encode(self, conversation: Conversation) -> TokenTrace:
        messages = conversation.messages
        last = max((i for i, m in enumerate(messages) if m.role == "assistant"), default=-1)
        ids: list[int] = []
        sampled: list[bool] = []
        talk = _Talk(self._codec.open(conversation.domain))
        for written, is_agent in _written(talk, messages[: last + 1], prompt=False):
            ids += written
            sampled += [is_agent] * len(written)
        return TokenTrace(
            ids=np.array(ids, dtype=np.int64),
            sampled=np.array(sampled, dtype=np.bool_),
            logprobs=np.zeros(len(ids), dtype=np.float32),
        )

    def token_texts(self, ids: Sequence[int]) -> list[str]:
        return [self._codec.text_of(token) for token in ids]

    def set_temperature(self, temperature: float) -> None:
        self._sampler.temperature = temperature

    def weights_changed(self) -> None:
        self._sampler.weights_changed()

    def forget(self, conversation_id: str) -> None:
        self._talks.pop(conversation_id, None)
        self._sampler.forget(conversation_id)


def _written(
    talk: _Talk, messages: Sequence[Message], *, prompt: bool = True
) -> Iterator[tuple[list[int], bool]]:
    """The unseen messages as ids, piece by piece, and whether a piece is the agent's own.

    What the agent said before the user's first message is the domain's greeting: context, not
    sampled. With ``prompt`` the last piece ends where the agent is to speak.
    """
    others: list[Message] = []
    spoken_to = talk.seen > 0
    for place, message in enumerate(messages[talk.seen :], start=talk.seen + 1):
        if message.role == "assistant" and spoken_to:
            yield talk.transcript.context(others, unfinished=talk.unfinished), False
            yield talk.transcript.write(message, messages[place:]), True
            others, talk.unfinished = [], False
        elif heard(message):
            others.append(message)
        spoken_to = spoken_to or message.role != "assistant"
    if prompt:
        yield talk.transcript.context(others, unfinished=talk.unfinished), False
