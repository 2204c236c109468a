"""Put names and alternatives into words, the same way in every domain."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Sequence

_FEWEST_DIGITS = 3


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def with_article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def plural(noun: str) -> str:
    if noun.endswith(("s", "ch", "sh", "x")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2] not in "aeiou" else f"{noun}s"


def listing(words: Sequence[str], *, last: str = "and") -> str:
    """ "one", "one and two", "one, two and three"."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def the(names: Sequence[str]) -> str:
    """ "the backpack and the desk lamp"."""
    return listing([f"the {name}" for name in names])


def revised(says: Sequence[str], openings: Sequence[str]) -> tuple[str, ...]:
    """What to say instead after a change of mind; ``openings`` say that the mind was changed."""
    pairs = zip(itertools.cycle(openings), says, strict=False)
    return tuple(f"{opening} {text}" for opening, text in pairs)


def vary(alternatives: Sequence[Sequence[str]], rng: random.Random, *, count: int = 3) -> list[str]:
    """At most ``count`` different texts, each one pick from every list of alternatives in turn."""
    texts = [" ".join(rng.choice(parts) for parts in alternatives) for _ in range(count)]
    return list(dict.fromkeys(texts))


def amount_text(amount: float) -> str:
    """The amount as any way to write it contains it: 46.6 for 46.60, 500 for 500.00.

    "" if it has too few digits not to be said by chance.
    """
    text = f"{amount:.2f}".removesuffix("00").removesuffix(".")
    text = text.rstrip("0") if "." in text else text
    return text if sum(map(str.isdigit, text)) >= _FEWEST_DIGITS else ""


def sayings(table: str) -> dict[str, tuple[str, ...]]:
    """Wordings by name, of lines such as "name: One. / Another."; indented lines go on."""
    found: dict[str, tuple[str, ...]] = {}
    for line in re.sub(r"\n\s+", " ", table.strip()).splitlines():
        name, _, said = line.partition(": ")
        found[name] = tuple(said.split(" / "))
    return found
