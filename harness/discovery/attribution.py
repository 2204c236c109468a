"""Turn the failures of an evaluation on held-out tasks into whose fault each was and what kind of
mistake, and no more: no word of what was said leaves the evaluation. Reports alone read it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.assembly.components import Components
from harness.discovery.diagnose import account, failures, read_failures
from harness.discovery.drift import NONE
from harness.discovery.quarantine import quarantine
from harness.discovery.station import round_patterns
from harness.run_folder import RunFolder
from harness.types import Blame, Diagnosis, Episode, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class _Excluded:
    excluded: Mapping[str, Blame] = field(default_factory=dict)


def blame_failures(
    parts: Components, store: RunFolder, evaluation: str, episodes: Sequence[Episode]
) -> None:
    """Keep next to the conversations which failures were not the agent's, and the kind of mistake
    of those that were.

    A failure without a usable verdict stays the agent's, and is counted.
    """
    failed = failures(episodes)
    diagnoses, faults = read_failures(
        failed, parts.judge, parts.domain, parts.executor, parts.plugins
    )
    if faults:
        lost = f"{len(faults)} of {len(failed)} failures of {evaluation}"
        parts.notify("warning", message=f"the judge gave no usable verdict on {lost}")
    mistakes = [replace(d, summary="", evidence="") for d in diagnoses if d.blame == "agent"]
    about: dict[str, Json] = {
        "judge": parts.config.judge,
        **account(failed, diagnoses, parts.judge, parts.plugins),
        "excluded": dict(quarantine(diagnoses)),
    }
    with store.together():
        store.write_values(_mistakes_file(evaluation), Diagnosis, mistakes)
        store.write_json(_file(evaluation), about)


def blamed(store: RunFolder, evaluation: str) -> dict[str, Blame]:
    """Whose fault it was, by trajectory id, for failures that were not the agent's; {} if none was
    diagnosed.
    """
    name = _file(evaluation)
    return dict(store.read_value(name, _Excluded).excluded) if store.has(name) else {}


def blame_counts(store: RunFolder, evaluation: str) -> dict[str, int] | None:
    """How many failures each party is to blame for; None if none was diagnosed."""
    name = _file(evaluation)
    return store.read_field(name, "blame", dict[str, int]) if store.has(name) else None


def mistakes_of(store: RunFolder, evaluation: str) -> list[Diagnosis] | None:
    """The agent's failures, each with its kind, tool and turn and no words; None if none was
    diagnosed, or by a version that did not keep them.
    """
    name = _mistakes_file(evaluation)
    return store.read_values(name, Diagnosis) if store.has(name) else None


def known_failures(store: RunFolder, number: int) -> list[tuple[Diagnosis, str]]:
    """The failures of a round that are in a pattern, each with the pattern's id."""
    of = {member: p.id for p in round_patterns(store, number) for member in p.members}
    read = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
    return [(d, of[d.trajectory_id]) for d in read if d.trajectory_id in of]


def assigned(known: Sequence[tuple[Diagnosis, str]], diagnosis: Diagnosis) -> str:
    """The pattern of most of the known failures with the same kind and tool, of the same kind where
    none has the same tool, else "".
    """
    for alike in (
        [p for d, p in known if (d.kind, d.tool) == (diagnosis.kind, diagnosis.tool)],
        [p for d, p in known if d.kind == diagnosis.kind],
    ):
        if alike:
            return min(Counter(alike).items(), key=lambda item: (-item[1], item[0]))[0]
    return NONE


def _mistakes_file(evaluation: str) -> str:
    return f"evals/{evaluation}/mistakes.jsonl"


def _file(evaluation: str) -> str:
    return f"evals/{evaluation}/blame.json"
