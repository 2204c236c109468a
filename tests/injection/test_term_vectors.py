"""Terms as vectors: the rare ones count most, and nothing but the sample decides."""

import math

import numpy as np
import pytest

from harness.injection.term_vectors import HashedTerms

SAMPLE = [["the", "red", "lamp"], ["the", "blue", "lamp"], ["the", "mug"]]


def learned(dimension: int = 512) -> HashedTerms:
    return HashedTerms(
        SAMPLE, dimension=dimension, rarity=lambda n, with_it: math.log((1 + n) / (1 + with_it)) + 1
    )


def test_the_cosine_of_two_texts_is_that_of_their_weighted_terms() -> None:
    """As scikit-learn 1.9 has it: ``TfidfVectorizer(sublinear_tf=True)`` on the same sample."""
    red, blue, mug = (learned().vector(terms) for terms in SAMPLE)
    assert (red @ blue, red @ mug) == pytest.approx((0.4811197, 0.2163545), abs=1e-6)


def test_a_term_the_sample_does_not_have_is_the_rarest() -> None:
    vector = learned().vector(["the", "sofa"])
    assert sorted(np.abs(vector[vector != 0]).tolist()) == pytest.approx(
        [1 / math.hypot(1, 1 + math.log(4)), (1 + math.log(4)) / math.hypot(1, 1 + math.log(4))]
    )


def test_repetition_counts_by_its_logarithm() -> None:
    once, thrice = learned().vector(["mug", "red"]), learned().vector(["mug", "mug", "mug", "red"])
    assert once @ learned().vector(["mug"]) == pytest.approx(0.5**0.5)
    assert thrice @ learned().vector(["mug"]) == pytest.approx(
        (1 + math.log(3)) / math.hypot(1, 1 + math.log(3))
    )


def test_no_terms_are_no_vector() -> None:
    assert not learned().vector([]).any()
