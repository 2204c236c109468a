"""Turn a run folder into what its page holds: the report document, the maps, the packed run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.injection.admission import Refusal
from harness.injection.pool import rounds_of
from harness.report.parse import Document
from harness.report.viewer.pack import Pack, pack
from harness.results.arms import arm_order
from harness.results.every_conversation import Conversation, conversations
from harness.results.history import FailureMap, failure_maps
from harness.results.report_document import current_report
from harness.results.tasks import task_table
from harness.run_folder import RunFolder
from harness.types import Json
from harness.types.names import ArmName


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """All that the page of a run is made of; ``maps`` are by round."""

    document: Document
    maps: Mapping[int, FailureMap]
    pack: Pack


def contents(
    store: RunFolder,
    document: Mapping[str, Json] | None = None,
    before: Mapping[str, bytes] | None = None,
) -> Contents:
    """What the run holds now. Raises ``RunError`` for files that do not fit.

    document: the run's report, where it is known already. before: the parts of an earlier pack.
    """
    report = current_report(store) if document is None else document
    found = list(conversations(store))
    return Contents(
        document=report,
        maps=failure_maps(store),
        pack=pack(_about(store, report, found), _pool(store), found, before),
    )


def _about(
    store: RunFolder, report: Mapping[str, Json], found: list[Conversation]
) -> dict[str, object]:
    """``order``: the arms as they are made. ``weights``: of the reward terms, by name."""
    arms = dict.fromkeys(ArmName(one.arm) for one in found)
    return {
        "run": report.get("run"),
        "complete": report.get("complete", False),
        "order": sorted(arms, key=arm_order),
        "weights": store.config.get("rewards") or {},
        "patterns": report.get("patterns") or [],
        "training": report.get("training") or [],
    }


def _pool(store: RunFolder) -> dict[str, object]:
    """The targeted tasks, and every refusal with what its candidate was about."""
    rounds = rounds_of(store)
    return {
        "tasks": task_table(store)["tasks"] if rounds else [],
        "refused": [
            {
                "round": number,
                "pattern": one.pattern_id,
                "gate": one.gate,
                "reason": one.reason,
                "measured": one.measured,
                "about": one.task.scenario.reason if one.task else "",
            }
            for number in rounds
            for one in store.read_values(f"rounds/{number}/refused.jsonl", Refusal)
        ],
    }
