"""Random numbers for ids, of which no two splits ever share one."""

from __future__ import annotations

import random
from collections.abc import Mapping

from harness.types import Split

_MODULUS = 7
_RESIDUES: Mapping[Split, tuple[int, ...]] = {
    "validation": (0,),
    "test": (1,),
    "train": (2, 3, 4, 5, 6),
}
"""The split of a number shows in its remainder alone, so ids of all splits look alike."""


class Numbers:
    """Draws numbers of a split, none of them twice."""

    def __init__(self, split: Split, rng: random.Random) -> None:
        self._residues = _RESIDUES[split]
        self._rng = rng
        self._drawn: set[int] = set()

    def fresh(self, digits: int) -> int:
        """A number with exactly so many digits that was not drawn before."""
        return self.within(10 ** (digits - 1), 10**digits)

    def within(self, low: int, high: int) -> int:
        """A number in [low, high) that was not drawn before; the range must hold some."""
        while True:
            start = self._rng.randrange(low, high)
            number = start - start % _MODULUS + self._rng.choice(self._residues)
            if low <= number < high and number not in self._drawn:
                self._drawn.add(number)
                return number
