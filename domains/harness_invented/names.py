"""Draw ids, people, places and made-up words."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from harness.types import Split
from harness_invented.wording import FIRST_NAMES, LAST_NAMES, TOWNS
from harness_taskkit.wording import words

_SPLITS: Mapping[Split, int] = {"train": 0, "validation": 1, "test": 2}


_START = words("b br c ch d dr f fl g gr h j k kl l m n p pl qu r s sh st t tr v w z")
_VOWEL = words("a e i o u ai ea oo ou")
_END = words("l m n r s t x ck nd rn st ll")


def invented_word(rng: random.Random) -> str:
    """A word that no language has, of two syllables or three."""
    parts = [rng.choice(_START) + rng.choice(_VOWEL) for _ in range(rng.choice((1, 1, 2)))]
    return "".join(parts) + rng.choice(_START) + rng.choice(_VOWEL) + rng.choice(_END)


class Draw:
    """Draws what makes records; ids of one split never turn up in another."""

    def __init__(self, split: Split, rng: random.Random) -> None:
        self.rng = rng
        self._rest = _SPLITS[split]
        self._drawn: set[int] = set()

    def number(self, digits: int) -> int:
        """A number with exactly so many digits that was not drawn before."""
        while True:
            number = self.rng.randrange(10 ** (digits - 1), 10**digits - 3)
            number += (self._rest - number) % len(_SPLITS)
            if number not in self._drawn:
                self._drawn.add(number)
                return number

    def person(self) -> tuple[str, str]:
        return self.rng.choice(FIRST_NAMES), self.rng.choice(LAST_NAMES)

    def place(self, fields: Sequence[str]) -> dict[str, str]:
        """Street, unit, town, region, country and code, under the names of ``fields``."""
        rng = self.rng
        road = rng.choice(("Street", "Road", "Lane", "Avenue", "Way"))
        values = (
            f"{self.number(3)} {rng.choice(LAST_NAMES)} {road}",
            f"{rng.choice(('Suite', 'Flat', 'Unit', 'Room', 'Floor'))} {rng.randint(2, 99)}",
            rng.choice(TOWNS),
            "".join(rng.sample("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 2)),
            rng.choice(("USA", "Canada", "Ireland", "Norland")),
            str(self.number(5)),
        )
        return dict(zip(fields, values, strict=True))
