from __future__ import annotations

import numpy as np
import pytest
import torch

from harness_local.draw import draw, uniforms


def test_frequencies_follow_the_tempered_distribution() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0]]).repeat(20_000, 1)
    tokens, logprobs = draw(logits, uniforms(range(20_000), [3] * 20_000), temperature=0.5)
    expected = (torch.tensor([0.0, 1.0, 2.0]) / 0.5).softmax(-1)
    assert np.bincount(tokens) / 20_000 == pytest.approx(expected.numpy(), abs=0.01)
    assert logprobs[0] == pytest.approx(float(expected[tokens[0]].log()), abs=1e-5)


def test_top_p_never_draws_the_tail_and_reports_logprobs_before_the_cut() -> None:
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log().repeat(2_000, 1)
    tokens, logprobs = draw(logits, uniforms(range(2_000), [0] * 2_000), temperature=1, top_p=0.7)
    assert set(tokens) == {0, 1}
    assert min(logprobs) == pytest.approx(np.log(0.3), abs=1e-5)


def test_impossible_tokens_are_not_drawn_at_the_edges() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf]]).repeat(2, 1)
    tokens, _ = draw(logits, np.array([0.0, 1 - 2**-53]), temperature=1.0)
    assert tokens == [1, 1]


def test_uniforms_are_a_function_of_seed_and_counter() -> None:
    points = uniforms([1, 1, 2], [0, 1, 0])
    assert len(set(points.tolist())) == 3
    assert uniforms([1], [1])[0] == points[1]
    assert np.mean(uniforms(range(10_000), [0] * 10_000)) == pytest.approx(0.5, abs=0.02)
