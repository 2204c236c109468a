"""The loss of a proof: its slope in the logits, and how it is averaged beside own rollouts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from harness.training.proof_traces import Proof, join_proofs
from harness.types import TokenTrace
from harness_grpo.proof_losses import as_rows, imitation, lessons, token_losses

NAN = float("nan")


def proof(world: Any, sampled: str, reward: float = 1.0) -> Proof:
    marks = np.array([mark == "x" for mark in sampled])
    zeros = np.zeros(len(marks), dtype=np.float32)
    return Proof(
        task=world.task("a"),
        reward=reward,
        trace=TokenTrace(ids=np.arange(4, 4 + len(marks)), sampled=marks, logprobs=zeros),
        messages=(),
        longest_prefix=1,
    )


def slope(kind: str, p: np.ndarray, chosen: int) -> np.ndarray:
    """d f / d logits where f is the loss of the chosen token, written out by hand."""
    of_logprob = np.eye(len(p))[chosen] - p  # d log p_chosen / d logits
    own = p[chosen]
    factors = {
        "luffy": -0.1 * own / (own + 0.1) ** 2,
        "cross_entropy": -1.0,
        "chord": -own * (1 - own),
    }
    return factors[kind] * of_logprob


@pytest.mark.parametrize("kind", ["luffy", "cross_entropy", "chord"])
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_the_slope_of_a_proofs_token_is_that_of_the_formula(kind: Any, temperature: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    chosen = torch.tensor([0, 3, 6, 2, 2])
    logprobs = (logits / temperature).log_softmax(-1).gather(1, chosen.unsqueeze(1)).squeeze(1)
    token_losses(logprobs, kind).sum().backward()
    p = (logits.detach() / temperature).softmax(-1).numpy()
    expected = [slope(kind, p[n], int(chosen[n])) / temperature for n in range(5)]
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad.numpy(), expected, atol=1e-12)


def test_luffy_pulls_most_at_a_tenth_and_chord_at_a_half() -> None:
    p = torch.linspace(0.001, 0.999, 999, dtype=torch.float64)
    pull = {}
    for kind in ("luffy", "chord"):
        logprobs = p.log().requires_grad_()
        token_losses(logprobs, kind).sum().backward()  # type: ignore[arg-type]
        assert logprobs.grad is not None
        pull[kind] = float(p[logprobs.grad.abs().argmax()])
    assert pull == {"luffy": pytest.approx(0.1, abs=1e-3), "chord": pytest.approx(0.5, abs=1e-3)}


def test_a_proof_joins_with_its_reward_less_the_mean_of_the_group(world: Any) -> None:
    rewards = np.array([[1.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, NAN], [0.2, 0.0, 0.0, 0.0]])
    before = np.array([[0.3, -0.9, 0.3, 0.3], [0, 0, 0, 0], [0.9, -0.3, -0.3, -0.3]], np.float32)
    proofs = {1: proof(world, ".x", 1.0), 2: proof(world, ".x", 0.8)}
    joined, found = join_proofs(rewards, before, proofs, contrast=True)
    assert [advantage for _, advantage in found] == pytest.approx([0.75, 0.6])
    np.testing.assert_allclose(
        joined, [before[0], [-0.25, -0.25, -0.25, 0], [0, -0.2, -0.2, -0.2]], atol=1e-6
    )


def test_seven_failures_and_a_proof_have_the_advantages_of_the_paper(world: Any) -> None:
    joined, found = join_proofs(
        np.zeros((1, 7)), np.zeros((1, 7), np.float32), {0: proof(world, ".x")}, contrast=True
    )
    assert found[0][1] == pytest.approx(0.875)
    np.testing.assert_allclose(joined, np.full((1, 7), -0.125), atol=1e-6)


def test_without_contrast_rollouts_keep_their_own_advantages(world: Any) -> None:
    before = np.array([[0.9, -0.9]], np.float32)
    joined, found = join_proofs(
        np.array([[0.2, 0.0]]), before, {0: proof(world, ".x")}, contrast=False
    )
    np.testing.assert_array_equal(joined, before)
    assert found[0][1] == pytest.approx(0.6)


def test_a_proof_that_earns_no_more_than_failures_stays_out(world: Any) -> None:
    before = np.array([[0.5, -0.5]], np.float32)
    joined, found = join_proofs(
        np.array([[0.4, 0.2]]), before, {0: proof(world, ".x", 0.3)}, contrast=True
    )
    assert found == []
    np.testing.assert_array_equal(joined, before)


@pytest.mark.parametrize(
    ("loss_type", "mean", "weights", "more"),
    [
        ("dapo", "tokens", [2 * 0.5 / (10 + 5), 2 * 0.8 / (10 + 5)], (5, 2)),
        ("cispo", "tokens", [2 * 0.5 / (10 + 5), 2 * 0.8 / (10 + 5)], (5, 2)),
        ("grpo", "tokens", [2 * 0.5 / ((8 + 2) * 2), 2 * 0.8 / ((8 + 2) * 3)], (5, 2)),
        ("gspo", "tokens", [2 * 0.5 / ((8 + 2) * 2), 2 * 0.8 / ((8 + 2) * 3)], (5, 2)),
        ("dr_grpo", "tokens", [2 * 0.5 / ((8 + 2) * 100), 2 * 0.8 / ((8 + 2) * 100)], (5, 2)),
        ("dapo", "groups", [2 * 0.5 / (4 * 2), 2 * 0.8 / (4 * 3)], (0, 0)),
        ("grpo", "groups", [2 * 0.5 / (4 * 2), 2 * 0.8 / (4 * 3)], (0, 0)),
    ],
)
def test_a_proofs_share_of_the_mean_is_that_of_the_formula(
    world: Any, loss_type: str, mean: Any, weights: list[float], more: tuple[int, int]
) -> None:
    made = lessons(
        [(proof(world, "..xx."), 0.5), (proof(world, ".xxx"), 0.8)],
        mean=mean,
        weight=2.0,
        loss_type=loss_type,
        own_tokens=10,
        own_rows=8,
        groups=4,
        length=100,
    )
    assert [lesson.weight for lesson in made.rows] == pytest.approx(weights)
    assert (made.more_tokens, made.more_rows) == more


def test_imitation_is_the_mean_over_all_tokens_of_a_batch(world: Any) -> None:
    batch = imitation([proof(world, "..xx."), proof(world, "xxx.x")])
    assert [lesson.weight for lesson in batch] == pytest.approx([1 / 5, 1 / 5])
    assert [lesson.tokens for lesson in batch] == [2, 3]  # the first id has no probability


def test_lessons_are_rows_like_those_of_rollouts(world: Any) -> None:
    rows = as_rows(imitation([proof(world, "xx"), proof(world, "..xx")]))
    assert rows["prompt_ids"].tolist() == [[4], [4]]
    assert rows["completion_ids"].tolist() == [[5, 0, 0], [5, 6, 7]]
    assert rows["completion_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert rows["tool_mask"].tolist() == [[1, 0, 0], [0, 1, 1]]
    assert rows["proof_weight"].tolist() == pytest.approx([1 / 3, 1 / 3])
    assert as_rows([])["completion_ids"].shape == (0, 0)
