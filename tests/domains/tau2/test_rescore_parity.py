"""Files of official conversations with official verdicts, imported and graded again here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.interchange.rescore import rescore
from harness.llm.roles import open_registry

from .cases import CASES, Case
from .hearings import conversation, official_hearing
from .official import needs_tau2
from .recorded import as_file, results, reward, simulation
from .talks import TALKS, talk

pytestmark = [
    needs_tau2,
    pytest.mark.filterwarnings("ignore:Pydantic serializer warnings"),
]


def recorded(case: Case, kinds: Sequence[str]) -> dict[str, Any]:
    """Results as tau2 writes them: a conversation per task and kind, judged officially."""
    simulations = []
    for id, raw in case.tasks.items():
        task = case.our_task(raw)
        for trial, kind in enumerate(kinds):
            calls = case.mutant(kind, task, 0)
            if calls is None:
                continue
            said = talk(Random(f"{kind}/{id}").choice(list(TALKS)), task)
            messages = conversation(case.side, calls, said)
            heard = official_hearing(case.side, raw, messages, whole=False)
            value = float(heard.success)
            parts = {basis: float(holds) for basis, holds in heard.parts.items()}
            verdict = reward(
                value, reward_breakdown=parts, reward_basis=list(parts), communicate_checks=None
            )
            verdict["db_check"] = {"db_match": heard.parts["DB"], "db_reward": parts["DB"]}
            simulations.append(
                simulation(
                    f"{id}-{trial}",
                    id,
                    trial=trial,
                    reward_info=verdict,
                    messages=[json.loads(message.model_dump_json()) for message in messages],
                )
            )
    raw_results = results(simulations, tasks=list(case.tasks.values()))
    raw_results["info"]["environment_info"]["domain_name"] = case.side.domain
    return raw_results


def assert_rescored_alike(case: Case, kinds: Sequence[str], tmp_path: Path) -> None:
    raw = recorded(case, kinds)
    count = len(raw["simulations"])
    path = as_file(raw, tmp_path / "results.json")
    counts = rescore(open_registry(), path, warn=lambda line: None).counts()
    found = {name: counts[name] for name in ("conversations", "graded", "compared", "agreeing")}
    assert found == dict.fromkeys(found, count)
    successes = sum(each["reward_info"]["reward"] for each in raw["simulations"])
    assert counts["recorded_successes"] == counts["successes"] == successes


@pytest.mark.parametrize("case", CASES)
def test_recorded_verdicts_are_found_again(case: Case, tmp_path: Path) -> None:
    assert_rescored_alike(case, ["gold", "without a write", "wrong type"], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_all_recorded_verdicts_are_found_again(case: Case, tmp_path: Path) -> None:
    assert_rescored_alike(case, list(case.kinds), tmp_path)
