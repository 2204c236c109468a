"""Turn the terms of a text into a vector: hashed TF-IDF, of length 1.

Each term has a place and a sign that depend on nothing but its letters (Weinberger et al., "Feature
hashing for large scale multitask learning", arXiv:0902.2206), times 1 + log of how often it comes,
times how rare it is. scikit-learn has no such vectoriser: ``TfidfTransformer`` behind
``HashingVectorizer`` weighs places, not terms, and cannot take the logarithm of signed counts;
``TfidfVectorizer`` before ``FeatureHasher`` leaves out terms that the sample does not have.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

MOST_PLACES = 1 << 20
"""Terms whose places are remembered; more are worked out anew."""

_places: dict[str, int] = {}


class HashedTerms:
    """Vectors of texts, given as their terms; terms are as rare as among the ``sample``.

    The same sample gives the same vectors on every machine, whatever was embedded before.
    ``rarity(texts, texts_with_it)`` is the weight of a term.
    """

    def __init__(
        self,
        sample: Iterable[Iterable[str]],
        *,
        dimension: int,
        rarity: Callable[[int, int], float],
    ) -> None:
        texts = [set(terms) for terms in sample]
        counts = Counter(term for terms in texts for term in terms)
        self.dimension = dimension
        self._rarity = {term: rarity(len(texts), count) for term, count in counts.items()}
        self._unseen = rarity(len(texts), 0)

    def vector(self, terms: Iterable[str]) -> NDArray[np.float32]:
        """Shape (dimension,), of length 1, or 0 without a term."""
        found = np.zeros(self.dimension, dtype=np.float32)
        for term, times in Counter(terms).items():
            place = _place(term)
            weight = (1 + math.log(times)) * self._rarity.get(term, self._unseen)
            found[(place >> 1) % self.dimension] += weight if place & 1 else -weight
        length = np.linalg.norm(found, axis=0)
        return found / length if length else found


def _place(term: str) -> int:
    if term not in _places:
        if len(_places) >= MOST_PLACES:
            _places.clear()
        digest = hashlib.blake2b(term.encode(errors="replace"), digest_size=8).digest()
        _places[term] = int.from_bytes(digest)
    return _places[term]
