"""What a server is sent has the gradient that was asked for, whatever the server does to losses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.types import TokenTrace
from harness_tinker.backends import BACKENDS
from harness_tinker.losses import Clip, clipped, proof_request, rollout_request, weighed
from harness_tinker.rows import Request, Row, row_of, wire

from .loopback import _losses

CLIP = Clip(low=0.2, high=0.28)


def trace(sampled: list[int], logprobs: list[float] | None = None) -> TokenTrace:
    known = np.array(logprobs or [0.0] * len(sampled), dtype=np.float32)
    ids = np.arange(10, 10 + len(sampled))
    return TokenTrace(ids=ids, sampled=np.array(sampled, dtype=np.bool_), logprobs=known)


def rows() -> list[Row]:
    first = row_of(trace([0, 1, 1, 0, 1, 0], [0, -1.0, -2.0, 0, -0.5, 0]), 1.0)
    second = row_of(trace([0, 0, 1], [0, 0, -1.5]), 1.0)
    assert first
    assert second
    return [weighed(first, 0.25), weighed(second, -0.5)]


NOW = [[-0.1, -0.4, -2.1, -0.9], [-1.0, -1.4]]
"""Log-probabilities of the tokens after the first, as the weights are."""


def test_a_row_ends_with_its_last_learnt_token_and_never_learns_the_first() -> None:
    row = row_of(trace([1, 0, 1, 0, 0]), 2.0)
    assert row is not None
    assert row.ids.tolist() == [10, 11, 12]
    assert row.learnt.tolist() == [False, False, True]
    assert row.weights.tolist() == [0.0, 0.0, 2.0]
    assert row_of(trace([1, 0, 0]), 1.0) is None


def test_a_token_is_asked_of_the_ids_before_it() -> None:
    request = Request(rows=rows()[:1], loss="ppo", config=CLIP.config())
    sent = wire(request, BACKENDS["skyrl-fsdp"], rows=1)
    arrays: Any = sent.arrays[0]
    assert sent.inputs[0].tolist() == [10, 11, 12, 13]
    assert arrays["target_tokens"].tolist() == [11, 12, 13, 14]
    assert arrays["weights"].tolist() == [1, 1, 0, 1]
    assert arrays["advantages"].tolist() == [0.25, 0.25, 0, 0.25]
    assert sent.config == pytest.approx({"clip_low_threshold": 0.8, "clip_high_threshold": 1.28})


def test_only_a_server_that_wants_the_mask_is_sent_one() -> None:
    request = Request(rows=rows(), loss="importance_sampling")
    assert "weights" in wire(request, BACKENDS["skyrl-jax"], rows=2).arrays[0]
    assert "weights" not in wire(request, BACKENDS["hosted"], rows=2).arrays[0]


@pytest.mark.parametrize("backend", ["skyrl-jax", "skyrl-fsdp", "hosted"])
@pytest.mark.parametrize("loss", ["cross_entropy", "importance_sampling", "ppo", "cispo"])
def test_the_gradient_is_that_of_the_weighted_sum_over_all_tokens(backend: Any, loss: Any) -> None:
    config = {} if loss in ("cross_entropy", "importance_sampling") else CLIP.config()
    request = Request(rows=rows(), loss=loss, config=config)
    sent = wire(request, BACKENDS[backend], rows=2)
    torch.testing.assert_close(gradient(sent, BACKENDS[backend].reduction), plain(loss))


@pytest.mark.parametrize("backend", ["skyrl-jax", "hosted"])
def test_gspo_has_the_gradient_of_one_clipped_ratio_for_each_conversation(backend: Any) -> None:
    now = known_now()
    for shift in (0.0, 0.6, -0.6):
        moved = [known + np.float32(shift) for known in now]
        sent = wire(rollout_request(rows(), "gspo", CLIP, moved), BACKENDS[backend], rows=2)
        found = gradient(sent, BACKENDS[backend].reduction, shift)
        torch.testing.assert_close(found, of_gspo(shift), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("backend", ["skyrl-jax", "hosted"])
@pytest.mark.parametrize("kind", ["cross_entropy", "luffy", "chord"])
def test_proofs_have_the_gradient_of_their_own_loss(backend: Any, kind: Any) -> None:
    now = known_now()
    sent = wire(proof_request(rows(), kind, now), BACKENDS[backend], rows=2)
    leaves = variables()
    total = torch.zeros(())
    for logprobs, row in zip(leaves, rows(), strict=True):
        p = logprobs.exp()
        losses = {
            "cross_entropy": -logprobs,
            "luffy": -p / (p + 0.1),
            "chord": -(p * (1 - p)).detach() * logprobs,
        }
        total = total + (losses[kind] * torch.from_numpy(row.weights[1:].copy())).sum()
    total.backward()
    found = gradient(sent, BACKENDS[backend].reduction)
    torch.testing.assert_close(
        found, torch.cat([leaf.grad for leaf in leaves if leaf.grad is not None])
    )


def test_a_ratio_counts_as_clipped_only_on_the_side_of_its_advantage() -> None:
    up = [np.log(np.float32([1, 1.5, 1.5, 1, 1.5])) + rows()[0].logprobs]
    assert clipped(rows()[:1], up, CLIP) == 1.0
    down = [np.log(np.float32([1, 0.5, 0.5, 1, 0.5])) + rows()[0].logprobs]
    assert clipped(rows()[:1], down, CLIP) == 0.0


def known_now() -> list[Any]:
    return [np.array([0.0, *known], dtype=np.float32) for known in NOW]


def slopes(leaves: list[Tensor]) -> Tensor:
    return torch.cat([leaf.grad for leaf in leaves if leaf.grad is not None])


def variables(shift: float = 0.0) -> list[Tensor]:
    return [(torch.tensor(known) + shift).requires_grad_() for known in NOW]


def gradient(sent: Any, reduction: str, shift: float = 0.0) -> Tensor:
    """In the log-probabilities of all tokens, as the server computes it."""
    leaves = variables(shift)
    for logprobs, arrays in zip(leaves, sent.arrays, strict=True):
        tensors = {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}
        losses = _losses(sent.loss, sent.config, logprobs, tensors)
        by = tensors["weights"].sum() * len(leaves) if reduction == "row_mean" else 1.0
        (losses.sum() / by).backward()
    return slopes(leaves)


def plain(loss: str) -> Tensor:
    leaves = variables()
    for logprobs, row in zip(leaves, rows(), strict=True):
        sent = {
            "logprobs": torch.from_numpy(row.logprobs[1:].copy()),
            "advantages": torch.from_numpy(row.weights[1:].copy()),
        }
        if loss == "cross_entropy":
            sent = {"weights": sent["advantages"]}
        _losses(loss, CLIP.config(), logprobs, sent).sum().backward()
    return slopes(leaves)


def of_gspo(shift: float) -> Tensor:
    leaves = variables(shift)
    for logprobs, row in zip(leaves, rows(), strict=True):
        learnt = torch.from_numpy(row.learnt[1:].copy())
        old = torch.from_numpy(row.logprobs[1:].copy())
        ratio = (logprobs - old)[learnt].mean().exp()
        weight = float(row.weights[row.learnt][0]) * row.tokens
        bounded = ratio.clamp(1 - CLIP.low, 1 + CLIP.high)
        (-torch.minimum(ratio * weight, bounded * weight)).backward()
    return slopes(leaves)
