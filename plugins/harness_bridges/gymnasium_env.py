"""Turn a domain into a Gymnasium environment: JSON actions in, texts out."""

from __future__ import annotations

import json
from typing import Any

import gymnasium
from gymnasium.spaces import Text

from harness.types import Split
from harness_bridges.episodes import Episode, open_domain, tasks_of

CHARACTERS = "".join(map(chr, range(32, 127))) + "\n\t"
LONGEST = 100_000


class DomainEnv(gymnasium.Env[str, str]):
    """A step is a tool call or words to the user: ``{"call": NAME, "arguments": {...}}`` or
    ``{"say": TEXT}`` as JSON. The observation is what tool or user answers; the reward is that of
    the finished conversation, 0 before. ``max_steps`` steps truncate it.

    ``info`` of ``reset`` has ``policy``, ``tools`` (OpenAI schemas) and ``task_id``.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"]}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(
        self,
        domain: str = "retail",
        *,
        split: Split = "train",
        count: int = 100,
        max_steps: int = 80,
        user: str = "scripted",
    ) -> None:
        self.domain = open_domain(domain)
        self.tasks = tasks_of(self.domain, split, count)
        self.max_steps = max_steps
        self.user = user
        self.render_mode = "ansi"
        self.action_space = Text(LONGEST, charset=CHARACTERS)
        self.observation_space = Text(LONGEST, min_length=0, charset=CHARACTERS)
        self.episode: Episode | None = None
        self.steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """The user's first words; ``options["task_id"]`` chooses the task, else the seed does."""
        super().reset(seed=seed)
        wanted = (options or {}).get("task_id")
        known = {task.id: task for task in self.tasks}
        chosen = self.tasks[int(self.np_random.integers(len(self.tasks)))]
        task = known[wanted] if wanted is not None else chosen
        self.episode = Episode(self.domain, task, user=self.user, seed=seed or 0)
        self.steps = 0
        info = {
            "policy": self.domain.policy,
            "tools": [tool.schema() for tool in self.domain.tools],
            "task_id": task.id,
        }
        return _plain(self.episode.opening), info

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """What came back. An action that is neither call nor words is answered with an error."""
        assert self.episode is not None, "reset comes before step"
        self.steps += 1
        answer = _act(self.episode, action)
        ended = self.episode.ended is not None
        cut = not ended and self.steps >= self.max_steps
        reward = self.episode.reward() if ended else 0.0
        return _plain(answer), reward, ended, cut, {"ended": self.episode.ended}

    def render(self) -> str:
        """The conversation so far."""
        said = self.episode.messages if self.episode else []
        return "\n".join(f"{m.role}: {m.content or [c.name for c in m.calls]}" for m in said)


def _act(episode: Episode, action: str) -> str:
    try:
        table = json.loads(action)
    except ValueError:
        table = None
    if isinstance(table, dict) and isinstance(table.get("say"), str):
        return episode.say(table["say"])
    if isinstance(table, dict) and isinstance(table.get("call"), str):
        arguments = table.get("arguments")
        return episode.call(table["call"], arguments if isinstance(arguments, dict) else {})
    return 'Error: an action is {"say": TEXT} or {"call": NAME, "arguments": {...}} as JSON.'


def _plain(text: str) -> str:
    """The text within the observation space."""
    return "".join(c if c in CHARACTERS else "?" for c in text)[:LONGEST]
