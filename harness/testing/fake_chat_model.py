"""Turn prepared answers into a chat model, to test what speaks through one."""

from __future__ import annotations

from collections.abc import Callable

from harness.protocols.chat_model import ChatModel, ChatReply, ChatRequest
from harness.types import Message, Usage

Answer = str | Message | ChatReply


class FakeChatModel(ChatModel):
    """Gives the answers one after the other, or what a function makes of the request.

    ``requests`` keeps what it was asked. Raises ``AssertionError`` when asked more often than it
    has answers.
    """

    model = "fake-1"

    def __init__(self, *answers: Answer | Callable[[ChatRequest], Answer]) -> None:
        self.requests: list[ChatRequest] = []
        self._answers = list(answers)

    async def complete(self, request: ChatRequest) -> ChatReply:
        self.requests.append(request)
        if not self._answers:
            raise AssertionError(f"no answer is left for request {len(self.requests)}")
        only_function = len(self._answers) == 1 and callable(self._answers[0])
        answer = self._answers[0] if only_function else self._answers.pop(0)
        return _reply(answer(request) if callable(answer) else answer)


def _reply(answer: Answer) -> ChatReply:
    if isinstance(answer, ChatReply):
        return answer
    message = Message(role="assistant", content=answer) if isinstance(answer, str) else answer
    return ChatReply(
        message=message,
        usage=Usage(tokens_in=10, tokens_out=5, calls=1),
        stop_reason="tools" if message.calls else "end",
    )
