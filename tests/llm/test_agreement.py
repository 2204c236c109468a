"""How far judges agree, against cases worked out by hand."""

from __future__ import annotations

import pytest

from harness.llm.judge_panel import krippendorff_alpha


def rows(*judges: str) -> list[list[str | None]]:
    """One row per unit from one string of values per judge; "." is none."""
    return [
        [None if value == "." else value for value in unit] for unit in zip(*judges, strict=True)
    ]


def test_full_agreement_is_one() -> None:
    assert krippendorff_alpha(rows("aabbc", "aabbc")) == pytest.approx(1)


def test_always_another_value_is_worse_than_chance() -> None:
    # 4 values of each of two sorts: observed 8 of 8 differ, expected 2 * 4 * 4 / 7.
    assert krippendorff_alpha(rows("abab", "baba")) == pytest.approx(1 - 7 * 8 / 32)


def test_one_disagreement_in_four_units() -> None:
    # Values: 5 a, 3 b. Observed 2; expected 2 * 5 * 3 / 7.
    assert krippendorff_alpha(rows("aaab", "aabb")) == pytest.approx(1 - 7 * 2 / 30)


def test_a_published_case_of_two_judges_comes_out_as_published() -> None:
    alpha = krippendorff_alpha(rows("aabbdcccedda", "babbbccceddd"))
    assert alpha == pytest.approx(0.692, abs=5e-4)


def test_a_published_case_of_four_judges_with_gaps_comes_out_as_published() -> None:
    judges = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    assert krippendorff_alpha(rows(*judges)) == pytest.approx(0.743, abs=5e-4)


def test_a_unit_that_one_judge_left_out_does_not_count() -> None:
    assert krippendorff_alpha(rows("aaabc", "aabb.")) == krippendorff_alpha(rows("aaab", "aabb"))


def test_the_order_of_the_judges_does_not_matter() -> None:
    one = krippendorff_alpha(rows("aabbc", "abbbc", "acbbc"))
    assert one == pytest.approx(krippendorff_alpha(rows("acbbc", "aabbc", "abbbc")))


@pytest.mark.parametrize("units", [[], rows("a.c", ".b."), rows("aaa", "aaa")])
def test_without_pairs_or_variation_nothing_can_be_said(units: list[list[str | None]]) -> None:
    assert krippendorff_alpha(units) is None
