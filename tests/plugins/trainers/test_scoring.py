from __future__ import annotations

from typing import Any

import pytest
import torch

from harness.training.packed.packing import packed
from harness_grpo.scoring import PLACES, TokenScores, scores


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("places", [1, PLACES, 2 * PLACES + 5])
def test_scores_and_their_gradient_are_those_of_a_softmax(places: int, temperature: float) -> None:
    generator = torch.Generator().manual_seed(places)
    logits = (3 * torch.randn(places, 50, generator=generator)).requires_grad_()
    tokens = torch.randint(0, 50, (places,), generator=generator)
    slopes = torch.randn(places, generator=generator)

    logprobs, entropies = TokenScores.apply(logits, tokens, temperature)
    wanted = torch.distributions.Categorical(logits=logits / temperature)

    torch.testing.assert_close(logprobs, wanted.log_prob(tokens))
    torch.testing.assert_close(entropies, wanted.entropy().detach())
    assert not entropies.requires_grad
    found, plain = (
        torch.autograd.grad(of, logits, slopes)[0] for of in (logprobs, wanted.log_prob(tokens))
    )
    torch.testing.assert_close(found, plain)


@pytest.mark.parametrize("packs", [True, False])
def test_only_what_is_asked_for_is_scored_as_in_each_conversation_alone(
    world: Any, packs: bool
) -> None:
    model = world.model()
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([7, 4, 9])
    ids = torch.randint(4, 12, (3, 9), generator=generator)
    scored = torch.rand((3, 8), generator=generator) < 0.5
    scored &= torch.arange(1, 9) < lengths[:, None]
    wanted = torch.zeros(3, 8)
    for row, length in enumerate(lengths):
        logits = model(ids[row : row + 1, :length]).logits[0, :-1] / 0.7
        found = logits.log_softmax(-1).gather(1, ids[row, 1:length, None])[:, 0]
        wanted[row, : length - 1] = found
    wanted[~scored] = 0

    if packs:
        with packed(model):
            logprobs, entropies = scores(model, ids, lengths, scored, temperature=0.7, packs=True)
    else:
        logprobs, entropies = scores(model, ids, lengths, scored, temperature=0.7, packs=False)
    torch.testing.assert_close(logprobs, wanted, atol=1e-5, rtol=0)
    assert ((entropies > 0) == scored).all()
