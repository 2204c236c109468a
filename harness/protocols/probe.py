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
        """The policy that cheats. Where that takes competence, it borrows that of the honest one.

        It may look at what any agent sees; the task is for the baseline policy to know.
        """
        ...
