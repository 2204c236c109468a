"""Turn what the agent wrote into penalties: too much text, or text that no user should see."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.assembly.config import NonNegativeInt, PositiveInt, read_options
from harness.errors import ConfigError
from harness.evaluation.behaviour import agent_tokens
from harness.llm.signals import hear
from harness.protocols import RewardTerm, Settings
from harness.types import Message, Task, Trajectory
from harness_rewards.term import penalty


@dataclass(frozen=True, kw_only=True)
class LengthOptions:
    """Agent tokens in a whole conversation: free up to ``budget``, -1 from ``limit`` on."""

    budget: NonNegativeInt = 500
    limit: PositiveInt = 2000


@dataclass(frozen=True, kw_only=True)
class FormatOptions:
    """``cap``: number of counted messages that costs the full -1."""

    cap: PositiveInt = 2


def length(settings: Settings) -> RewardTerm:
    """Minus the agent's tokens beyond ``budget``, falling linearly to -1 at ``limit``.

    Stops ever longer reasoning and chatter. Tokens are those that the policy reported; where it
    reported none, a quarter of the characters it wrote. Those of tools and user do not count.
    """
    options = read_options(LengthOptions, settings, name="length")
    if options.budget >= options.limit:
        raise ConfigError(
            f"length needs budget < limit, found {options.budget} and {options.limit}",
            hint="Set both under [options.length].",
        )

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        tokens = agent_tokens(trajectory)
        over = max(0, tokens - options.budget)
        return over, f"{tokens} tokens, {over} over the budget of {options.budget}"

    return penalty("length", options.limit - options.budget, count)


def format(settings: Settings) -> RewardTerm:
    """Minus the messages with text that no user should see, as a share of ``cap``.

    Stops words in place of actions: stop markers and the like, calls and results written as text,
    lines in the name of tool, system or user; and empty messages.
    """
    options = read_options(FormatOptions, settings, name="format")

    def count(trajectory: Trajectory, task: Task) -> tuple[int, str]:
        said = [m for m in trajectory.messages[1:] if m.role == "assistant"]
        counted = sum(map(_is_malformed, said))
        return counted, f"{counted} of {len(said)} messages have text that no user should see"

    return penalty("format", options.cap, count)


def _is_malformed(message: Message) -> bool:
    text = message.content
    if not text.strip():
        return not message.calls
    heard = hear(text)
    return bool(heard.signals or heard.unknown or _MARKUP.search(text))


_MARKUP = re.compile(
    r"</?(?:tool|function)[_ ]?(?:call|response|result)s?>|<\|\w+\|>|\[/?TOOL_(?:CALLS|RESULTS)\]"
    r'|"arguments"\s*:\s*\{'
    r"|^\s*(?:tool|system|assistant|tool result|observation)\s*:"
    r"|^\s*user\s*:\s*(?:yes|no|ok|sure|thank)\b",
    re.IGNORECASE | re.MULTILINE,
)
