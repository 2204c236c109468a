"""Reward-hacking policies that the reward is tested with."""

from __future__ import annotations

from typing import Protocol

from harness.protocols.policy import Policy


class Probe(Protocol):
    """A way to earn reward without the work that it is for; ``about`` says which, in words that
    follow "a policy that".
    """

    about: str

    def policy(self, baseline: Policy) -> Policy:
        """The reward-hacking policy. Where that takes competence, it borrows the honest one's.

        It may look at what any agent sees; only the honest policy may look at the task.
        """
        ...
