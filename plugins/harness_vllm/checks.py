"""Ask a server, before anything runs, whether its turns can be trained on."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from harness.assembly.addresses import is_public
from harness.errors import ConfigError
from harness_vllm.replica import COMPLETIONS, TOKENIZE, Replica

_PIECES = 2048
_WARM, _COOL = 1.0, 0.5
_TOP = 5


def check_replica(replica: Replica, tokenizer: PreTrainedTokenizerBase, ids: Sequence[int]) -> None:
    """Raise ``ConfigError`` unless the server is safe to use, takes and gives token ids, has our
    tokenizer and says by which probabilities it drew. ``ids`` are a text of some tokens.
    """
    replica.look()
    if replica.is_in_dev_mode and is_public(replica.url):
        raise ConfigError(
            f"vLLM at {replica.url} is in development mode at a public address: anyone can make it "
            "run code",
            hint="Bind it to a loopback or private address, or unset VLLM_SERVER_DEV_MODE.",
        )
    replica.need(COMPLETIONS, TOKENIZE)
    _check_tokenizer(replica, tokenizer)
    _check_token_ids(replica, ids)
    _check_logprobs(replica, ids)


def _check_tokenizer(replica: Replica, tokenizer: PreTrainedTokenizerBase) -> None:
    known = sorted(set(tokenizer.get_vocab().values()))
    places = np.linspace(0, len(known) - 1, min(len(known), _PIECES)).astype(int)
    text = "\n".join(str(tokenizer.decode([known[place]])) for place in places)
    ours = list(tokenizer.encode(text, add_special_tokens=False, verbose=False))
    asked = {"model": replica.model, "prompt": text, "add_special_tokens": False}
    answer = replica.post(TOKENIZE, asked)
    theirs = answer.get("tokens") if isinstance(answer, dict) else None
    if _digest(theirs) != _digest(ours):
        raise ConfigError(
            f"the model {replica.model!r} at {replica.url} has another tokenizer: it makes "
            f"{_digest(theirs)} of the vocabulary, and {tokenizer.name_or_path} makes "
            f"{_digest(ours)}",
            hint="Serve the model of that folder, or name the folder of the model that is served: "
            "model in [options.vllm].",
        )


def _check_token_ids(replica: Replica, ids: Sequence[int]) -> None:
    choice = replica.choice(ids, max_tokens=1, temperature=_WARM, logprobs=0)
    if choice.get("prompt_token_ids") != list(ids) or not choice.get("token_ids"):
        raise ConfigError(
            f"vLLM {replica.version} at {replica.url} does not return token ids: turns could not "
            "be trained on as they were sampled",
            hint="Use vLLM 0.22 or later, which knows return_token_ids.",
        )


def _check_logprobs(replica: Replica, ids: Sequence[int]) -> None:
    """Half the temperature doubles what processed log-probabilities differ by; raw ones stay.

    Compared at the most open place of the prompt's last few, since near certainty says little.
    """
    best = 0.0
    for end in range(len(ids), max(1, len(ids) - 4), -1):
        warm, cool = (_top(replica, ids[:end], temperature) for temperature in (_WARM, _COOL))
        if sum(map(math.exp, cool.values())) > 1.001:
            break
        shared = sorted(warm.keys() & cool.keys(), key=lambda token: -warm[token])
        if len(shared) < 2:
            continue
        wide = warm[shared[0]] - warm[shared[-1]]
        if wide > 1e-2:
            best = (cool[shared[0]] - cool[shared[-1]]) / wide
            break
    if abs(best * _COOL - _WARM) > 0.02:
        raise ConfigError(
            f"vLLM at {replica.url} gives log-probabilities that are not those of the distribution "
            "it draws from: at half the temperature they should differ by twice as much, and "
            f"differ by {best:.2f} times as much",
            hint="Start it with --logprobs-mode processed_logprobs.",
        )


def _top(replica: Replica, ids: Sequence[int], temperature: float) -> dict[str, float]:
    choice: Any = replica.choice(
        ids,
        max_tokens=1,
        temperature=temperature,
        seed=0,
        logprobs=_TOP,
        return_tokens_as_token_ids=True,
    )
    try:
        listed = choice["logprobs"]["top_logprobs"][0]
        return {str(token): float(value) for token, value in listed.items()}
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"vLLM {replica.version} at {replica.url} gives no log-probabilities: {error!r}",
            hint=f"Start it with --logprobs-mode processed_logprobs --max-logprobs {_TOP} or more.",
        ) from error


def _digest(ids: Any) -> str:
    return hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:12]
