"""Turn a policy in this process into one that can be opened in another, weights included."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.types import Checkpoint
from harness_local.opening import Options, open_model
from harness_local.policy import LocalPolicy
from harness_local.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """What it takes to open the policy again: ``files`` are those of its folder by name.

    ``changes``: how often the weights have changed, which is what their version is called.
    """

    kind: type[LocalPolicy]
    checkpoint: Checkpoint
    options: Options
    changes: int
    files: dict[str, bytes]


def packed(policy: LocalPolicy, sampler: Sampler) -> Luggage:
    """The policy as it is now. Conversations that are going on are not taken along."""
    limits, on_cpu = sampler.limits, policy.model.device.type == "cpu"
    with tempfile.TemporaryDirectory() as folder:
        policy.save(Path(folder))
        files = {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}
    return Luggage(
        kind=type(policy),
        checkpoint=policy.checkpoint,
        options=Options(
            temperature=sampler.temperature,
            top_p=sampler.top_p,
            max_new_tokens=limits.max_new_tokens,
            max_context=limits.max_context,
            slots=limits.slots,
            device="cpu" if on_cpu else "auto",
            dtype=sampler.dtype,
            exact=sampler.exact,
        ),
        changes=sampler.changes,
        files=files,
    )


def arrived(luggage: Luggage) -> LocalPolicy:
    """The same policy, which says the same to the same seeds."""
    name = luggage.checkpoint.policy
    with tempfile.TemporaryDirectory() as folder:
        for file, content in luggage.files.items():
            (Path(folder) / file).write_bytes(content)
        return open_model(
            folder,
            luggage.options,
            name=name,
            checkpoint=luggage.checkpoint,
            kind=luggage.kind,
            changes=luggage.changes,
        )
