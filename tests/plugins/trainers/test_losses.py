"""The loss of packed parts against torch's."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from harness_sft.batches import IGNORED
from harness_sft.losses import PLACES, LabelLoss


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("places", [1, PLACES, 3 * PLACES + 5])
def test_loss_and_gradient_are_those_of_cross_entropy(kind: torch.dtype, places: int) -> None:
    generator = torch.Generator().manual_seed(places)
    logits = (3 * torch.randn(places, 50, generator=generator)).to(kind).requires_grad_()
    labels = torch.randint(0, 50, (places,), generator=generator)
    labels[1::3] = IGNORED
    found = LabelLoss.apply(logits, labels)
    wanted = functional.cross_entropy(logits.float(), labels, reduction="sum")
    torch.testing.assert_close(found, wanted)
    slopes = (torch.autograd.grad(loss / 7, logits)[0] for loss in (found, wanted))
    torch.testing.assert_close(*slopes)


def test_a_place_that_does_not_count_may_hold_anything() -> None:
    logits = torch.tensor([[0.0, 1.0], [float("nan"), 0.0]], requires_grad=True)
    loss = LabelLoss.apply(logits, torch.tensor([1, IGNORED]))
    (slope,) = torch.autograd.grad(loss, logits)
    assert loss.isfinite()
    assert slope[1].tolist() == [0.0, 0.0]
