"""Tell a scenario in prose, for users and agents that are language models."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Fact, Request, Scenario

_HOW_TO_PLAY = (
    "Bring up one request at a time, the next one when the agent asks whether there is "
    "anything else. Tell nothing that is marked as told only when asked before it is "
    "asked for. Say yes to a proposal only if it agrees with all you know."
)


def tell(
    reason: str,
    known: Sequence[str],
    unknown: str,
    *,
    identity: Sequence[Fact],
    requests: Sequence[Request],
) -> Scenario:
    """The scenario with its prose; ``known`` are sentences on who the customer is."""
    known = [
        *known,
        *(f"To say who you are: {fact.says[0]}" for fact in identity[:1]),
        *(f"Only if the agent finds nothing with that: {fact.says[0]}" for fact in identity[1:]),
    ]
    numbered = [_instruct(number, request) for number, request in enumerate(requests, start=1)]
    return Scenario(
        reason=reason,
        known=" ".join(known),
        unknown=unknown,
        instructions="\n".join([*numbered, _HOW_TO_PLAY]),
        identity=tuple(identity),
        requests=tuple(requests),
    )


def _instruct(number: int, request: Request) -> str:
    lines = [f'{number}. Say: "{request.says[0]}"']
    lines += [
        f'If asked {fact.about}: "{fact.says[0]}" (told only when asked)'
        for fact in request.facts
        if not fact.volunteered
    ]
    if request.revision is not None:
        lines.append(
            "When the agent asks you to confirm this, do not: "
            f'say "{request.revision.says[0]}" and stay with that.'
        )
    if request.outcome == "refused":
        lines.append(
            "If the agent says that it cannot be done, accept it and ask for nothing else."
        )
    if request.outcome == "transferred":
        lines.append("If you are transferred to a human, the conversation is over.")
    return " ".join(lines)
