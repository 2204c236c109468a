"""The simulated customer."""

from __future__ import annotations

from typing import Protocol

from harness.protocols.turns import Conversation, UserTurn
from harness.types import Task


class UserSimulator(Protocol):
    """The customer. Stateless: everything it needs is in the conversation, so a resumed run
    continues the same way.
    """

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        """The user's next message. It must not see the agent's tool calls and results.

        Calls of ``Domain.user_tools`` in it (``requestor`` "user") are carried out, and it is asked
        again.
        """
        ...
