"""A reward for agents that ask before they act."""

from harness.protocols import RewardTerm, Settings
from harness.types import Grade, Task, TermScore, Trajectory


def sample(settings: Settings) -> RewardTerm:
    """The share of the agent's turns with a question; 0 if it said nothing.

    An agent that acts without a word.
    """

    def term(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
        said = [m.content for m in trajectory.messages[1:] if m.role == "assistant" and m.content]
        asked = sum("?" in text for text in said)
        value = asked / len(said) if said else 0.0
        return TermScore(name="sample", value=value, note=f"{asked} of {len(said)} turns")

    return term
