"""Turn the tokens that a policy sampled into rows beside its conversations, where a run keeps them
(``keep_tokens``). Nothing in a run reads them: they are for people to look at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from harness.assembly.components import Components
from harness.errors import plugin_boundary
from harness.protocols import Policy, ReadablePolicy
from harness.run_folder import TOKENS, RunFolder
from harness.run_folder.sampled import SampledTokens, by_trajectory, plain_tokens, sampled_tokens
from harness.types import Episode


@dataclass
class TokenLog:
    """The tokens of conversations in the file ``name``."""

    store: RunFolder
    name: str
    policy: ReadablePolicy
    plugin: str
    _texts: dict[int, str] = field(default_factory=dict)

    def known(self) -> dict[str, SampledTokens]:
        """The rows that are there, by trajectory id."""
        return read_tokens(self.store, self.name)

    def row(self, episode: Episode) -> SampledTokens:
        """The conversation's tokens; without turns where it has none."""
        with plugin_boundary(self.plugin, "texts of tokens"):
            return sampled_tokens(episode.trajectory.id, episode.tokens, self._read)

    def append(self, episodes: Iterable[Episode]) -> None:
        """Add the conversations' tokens at the end of the file."""
        for episode in episodes:
            self.store.append(self.name, plain_tokens(self.row(episode)))

    def keep(self, ids: Iterable[str]) -> None:
        """Have these conversations alone in the file, in this order."""
        rows = self.known()
        self.store.write_rows(self.name, [plain_tokens(rows[id]) for id in ids if id in rows])

    def _read(self, ids: Sequence[int]) -> list[str]:
        new = [token for token in ids if token not in self._texts]
        if new:
            self._texts |= dict(zip(new, self.policy.token_texts(new), strict=True))
        return [self._texts[token] for token in ids]


def token_log(parts: Components, store: RunFolder, name: str, policy: Policy) -> TokenLog | None:
    """Where the tokens go; None if the run keeps none, or the policy has none to show."""
    if not parts.config.keep_tokens or not isinstance(policy, ReadablePolicy):
        return None
    return TokenLog(store, name, policy, parts.setup.plugins.policy)


def tokens_of_evaluation(evaluation: str) -> str:
    """The file with the tokens of an evaluation."""
    return f"evals/{evaluation}/{TOKENS}"


def tokens_of_training(arm: str) -> str:
    """The file with the tokens of an arm's rollouts."""
    return f"checkpoints/{arm}/{TOKENS}"


def read_tokens(store: RunFolder, name: str) -> dict[str, SampledTokens]:
    """The rows of a file, by trajectory id; {} if there is no such file."""
    return by_trajectory(store.read_values(name, SampledTokens))
