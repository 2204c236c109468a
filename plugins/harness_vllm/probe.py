"""Turn weights into log-probabilities that a server with them must give, and compare."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from harness.errors import ModelError
from harness_vllm.replica import Replica

PROBE_FILE = "probe.json"
"""The file of a checkpoint with the probe of its weights."""

TEXT = (
    "Before you answer, look at the order once more: two of the five items were sent back on the "
    "third of May, and the customer asks for 41.70 in return. Which of the tools would you call?"
)
_TEXT_TOKENS, _SPREAD_TOKENS = 64, 64
FLOAT32_LIMIT, ROUNDED_LIMIT = 1e-3, 0.1


@dataclass(frozen=True, kw_only=True)
class Probe:
    """``ids``, and in nats the log-probability of each but the first after those before it.

    ``is_rounded``: the server computes in 16 bits, and so is compared by the mean.
    """

    ids: Sequence[int]
    logprobs: Sequence[float]
    is_rounded: bool

    @property
    def limit(self) -> float:
        return ROUNDED_LIMIT if self.is_rounded else FLOAT32_LIMIT

    def gap(self, found: Sequence[float]) -> float:
        """The distance in nats: the largest in float32, else the mean."""
        gaps = np.abs(np.asarray(found) - np.asarray(self.logprobs))
        gap = float(gaps.mean() if self.is_rounded else gaps.max())
        return gap if np.isfinite(gap) else float("inf")

    def write(self, folder: Path) -> None:
        known = {"ids": list(self.ids), "logprobs": list(self.logprobs)}
        (folder / PROBE_FILE).write_text(json.dumps(known) + "\n")


def probe_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """A text, and tokens from all over the vocabulary: a change of any weight should show."""
    text: list[int] = list(tokenizer.encode(TEXT, add_special_tokens=False))
    known = sorted(set(tokenizer.get_vocab().values()) - set(tokenizer.all_special_ids))
    places = np.linspace(0, len(known) - 1, _SPREAD_TOKENS).astype(int)
    return text[:_TEXT_TOKENS] + [known[place] for place in places]


def kept_probe(folder: Path, *, is_rounded: bool) -> Probe | None:
    """That of a checkpoint, None if it has none. Raises ``ModelError``."""
    file = folder / PROBE_FILE
    if not file.is_file():
        return None
    try:
        known = json.loads(file.read_text())
        ids = [int(token) for token in known["ids"]]
        logprobs = [float(value) for value in known["logprobs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{file} is no probe of weights: {error!r}",
            hint="Copy the checkpoint again, or remove the file: it is then computed anew.",
        ) from error
    if len(logprobs) != len(ids) - 1 or not np.isfinite(logprobs).all():
        raise ModelError(
            f"{file} has {len(logprobs)} log-probabilities for {len(ids)} tokens",
            hint="Copy the checkpoint again, or remove the file: it is then computed anew.",
        )
    return Probe(ids=ids, logprobs=logprobs, is_rounded=is_rounded)


def probe_of(model: Any, ids: Sequence[int], *, is_rounded: bool) -> Probe:
    """That of a model in this process, a causal LM of transformers."""
    import torch

    training = model.training
    model.train(False)
    try:
        with torch.inference_mode():
            fed = torch.tensor([list(ids)], device=model.device)
            logits = model(input_ids=fed, use_cache=False).logits[0, :-1].float()
            found = logits.log_softmax(-1).gather(1, fed[0, 1:, None])[:, 0]
    finally:
        model.train(training)
    return Probe(ids=list(ids), logprobs=found.tolist(), is_rounded=is_rounded)


def server_logprobs(replica: Replica, ids: Sequence[int]) -> list[float]:
    """What the server says of the same ids. Raises ``ModelError`` if it says nothing usable."""
    choice = replica.choice(ids, max_tokens=1, temperature=1.0, prompt_logprobs=0)
    found = choice.get("prompt_logprobs")
    try:
        rest = zip(ids[1:], found[1:], strict=True)  # type: ignore[index]
        return [float(place[str(token)]["logprob"]) for token, place in rest]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"the server at {replica.url} gives no log-probabilities of a prompt: {error!r}",
            hint="Use vLLM 0.22 or later, without --max-logprobs 0.",
        ) from error
