"""Turn the failures of an evaluation on held-out tasks into whose fault each was, and no more: no
word of what was said leaves the evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.assembly.components import Components
from harness.discovery.diagnose import account, failures, read_failures
from harness.discovery.quarantine import quarantine
from harness.run_folder import RunFolder
from harness.types import Blame, Episode, Json


def blame_failures(
    parts: Components, store: RunFolder, evaluation: str, episodes: Sequence[Episode]
) -> None:
    """Keep next to the conversations which failures were not the agent's.

    A failure without a usable verdict stays the agent's, and is counted.
    """
    failed = failures(episodes)
    diagnoses, faults = read_failures(
        failed, parts.judge, parts.domain, parts.executor, parts.plugins
    )
    if faults:
        lost = f"{len(faults)} of {len(failed)} failures of {evaluation}"
        parts.notify("warning", message=f"the judge gave no usable verdict on {lost}")
    about: dict[str, Json] = {
        "judge": parts.config.judge,
        **account(failed, diagnoses, parts.judge, parts.plugins),
        "excluded": dict(quarantine(diagnoses)),
    }
    store.write_json(_file(evaluation), about)


def blamed(store: RunFolder, evaluation: str) -> dict[str, Blame]:
    """Whose fault it was, by trajectory id, for failures that were not the agent's; {} if none was
    diagnosed.
    """
    excluded: dict[str, Blame] = blame_of(store, evaluation).get("excluded", {})  # type: ignore[assignment]
    return excluded


def blame_of(store: RunFolder, evaluation: str) -> dict[str, Json]:
    """All that ``blame_failures`` kept; {} if it did not run."""
    name = _file(evaluation)
    found: dict[str, Json] = store.read_json(name) if store.has(name) else {}
    return found


def _file(evaluation: str) -> str:
    return f"evals/{evaluation}/blame.json"
