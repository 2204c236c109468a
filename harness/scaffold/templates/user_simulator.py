"""A customer that says what it wants, answers with what it knows, and leaves after some turns."""

from harness.protocols import Conversation, Settings, UserSimulator, UserTurn
from harness.types import Message, Task

PATIENCE = 8
"""Turns after which the customer leaves an agent that does not help."""


class Sample(UserSimulator):
    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        said = [m for m in conversation.messages if m.role == "user"]
        asked = [m.content.lower() for m in conversation.messages if m.role == "assistant"][-1]
        requests = task.scenario.requests
        if not said:
            opening = requests[0].says[0] if requests else task.scenario.reason
            return _turn(opening or "Hello.")
        if len(said) >= PATIENCE or "anything else" in asked:
            return _turn("No, thank you. Goodbye.", stop=True)
        facts = [*task.scenario.identity, *(fact for r in requests for fact in r.facts)]
        known = [f.says[0] for f in facts if any(word in asked for word in f.asked_by)]
        return _turn(" ".join(known) or "Yes, please.")


def _turn(text: str, *, stop: bool = False) -> UserTurn:
    return UserTurn(message=Message(role="user", content=text), stop=stop)


def sample(settings: Settings) -> UserSimulator:
    return Sample()
