"""Guess the next tokens from what was said before, so that one pass can check several."""

from __future__ import annotations

from collections.abc import Sequence

CONTEXT = 3
"""The number of tokens that a guess is based on."""
MOST = 8
"""The most tokens guessed ahead."""
_ROOM = 200_000
"""The number of contexts remembered before all are dropped."""


class Guesses:
    """Guesses what follows some ids: what followed the same three tokens the last two times.

    An agent says much that it has said before, and a pass over the model that checks a few guesses
    costs little more than one for a single token. A guess decides how many tokens one pass yields,
    never which: each is drawn from the model's own distribution, and counts only if all before it
    were guessed right. Leviathan et al., "Fast inference from transformers via speculative
    decoding" (arXiv:2211.17192), with a table in place of the small model.
    """

    def __init__(self) -> None:
        self._next: dict[tuple[int, ...], tuple[int, bool]] = {}

    def after(self, ids: Sequence[int], most: int) -> list[int]:
        """The tokens that seem sure to follow ``ids``: at most ``most``, and at most ``MOST``."""
        context = tuple(ids[-CONTEXT:])
        guessed: list[int] = []
        while len(guessed) < min(most, MOST):
            token, is_confirmed = self._next.get(context, (0, False))
            if not is_confirmed:
                break
            guessed.append(token)
            context = (*context[1:], token)
        return guessed

    def learn(self, ids: Sequence[int], start: int) -> None:
        """Remember what stands from index ``start`` of ``ids`` on, by what stands before it."""
        if len(self._next) > _ROOM:
            self._next.clear()
        for place in range(max(start, CONTEXT), len(ids)):
            context, token = tuple(ids[place - CONTEXT : place]), ids[place]
            self._next[context] = token, self._next.get(context, (-1, False))[0] == token
