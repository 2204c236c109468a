"""A recording of official tasks becomes a submission: the right figures, and nothing missing."""

from __future__ import annotations

import json
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError, FormatError
from harness.protocols import Settings
from harness.types import Json, Recording
from harness_tau2.results import read_results
from harness_tau2.submission import SubmissionFormat, domain_figures, submission_format

from .official import needs_tau2
from .recorded import as_file, results, reward, simulation, task

pytestmark = pytest.mark.filterwarnings("ignore:.*leaderboard asks")

GIVEN: dict[str, Json] = {
    "model_name": "Some-Model-30B",
    "model_organization": "Some Lab",
    "submitting_organization": "Some Lab",
    "submission_date": "2026-02-01",
    "email": "someone@example.org",
}


def recording(
    tmp_path: Path, *rewards: Sequence[float | None], domain: str = "retail"
) -> Recording:
    """One task for each sequence of rewards, one trial for each of its entries."""
    raw = results(
        [
            simulation(
                f"{number}-{trial}",
                str(number),
                trial=trial,
                reward_info=None if value is None else reward(value),
            )
            for number, values in enumerate(rewards)
            for trial, value in enumerate(values)
        ],
        tasks=[task(str(number)) for number, _ in enumerate(rewards)],
    )
    raw["info"]["environment_info"]["domain_name"] = domain
    return read_results(as_file(raw, tmp_path / "in.json"))


def format_with(**changes: Json) -> SubmissionFormat:
    return submission_format(Settings(options={**GIVEN, **changes}))


def submitted(recording: Recording, tmp_path: Path, **changes: Json) -> Any:
    path = tmp_path / "submission.json"
    format_with(**changes).write(recording, path)
    return json.loads(path.read_text())


def test_a_submission_holds_the_figures_and_who_vouches(tmp_path: Path) -> None:
    found = submitted(recording(tmp_path, [1, 1, 1, 0], [1, 1, 1, 1]), tmp_path)
    figures = found.pop("results")
    notes = found["methodology"].pop("notes")
    assert figures == {
        "retail": {"pass_1": 87.5, "pass_2": 75.0, "pass_3": 62.5, "pass_4": 50.0, "cost": 0.25}
    }
    assert found == {
        "model_name": "Some-Model-30B",
        "model_organization": "Some Lab",
        "submitting_organization": "Some Lab",
        "submission_date": "2026-02-01",
        "submission_type": "custom",
        "modality": "text",
        "contact_info": {"email": "someone@example.org"},
        "is_new": False,
        "trajectories_available": False,
        "methodology": {
            "user_simulator": "some-user-model",
            "verification": {"omitted_questions": True},
        },
    }
    assert "8 conversations on 2 tasks" in notes
    assert "some-agent-model" in notes


def test_everything_that_can_be_said_is_said(tmp_path: Path) -> None:
    found = submitted(
        recording(tmp_path, [1, 1, 1, 1]),
        tmp_path,
        contact_name="Some One",
        github="someone",
        submission_type="standard",
        is_new=True,
        reasoning_effort="high",
        trajectory_files={"retail": "run.json"},
        references={"Paper": "https://example.org/paper"},
        evaluation_date="2026-01-30",
        tau2_bench_version="1.0.1",
        user_simulator="another-user",
        notes="Fine-tuned.",
        modified_prompts=False,
        verification_details="None.",
        release_date="2026-01-01",
        announcement_url="https://example.org/model",
    )
    assert found["contact_info"]["name"] == "Some One"
    assert found["submission_type"] == "standard"
    assert found["trajectories_available"] is True
    assert found["trajectory_files"] == {"retail": "run.json"}
    assert found["references"] == [{"title": "Paper", "url": "https://example.org/paper"}]
    assert found["methodology"] == {
        "evaluation_date": "2026-01-30",
        "tau2_bench_version": "1.0.1",
        "user_simulator": "another-user",
        "notes": "Fine-tuned.",
        "verification": {
            "modified_prompts": False,
            "omitted_questions": True,
            "details": "None.",
        },
    }
    assert found["model_release"] == {
        "release_date": "2026-01-01",
        "announcement_url": "https://example.org/model",
    }


def test_all_that_is_missing_is_listed_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        submission_format(Settings(options={"model_name": "m"})).write(
            recording(tmp_path, [1, 1, 1, 1]), tmp_path / "s.json"
        )
    assert str(caught.value) == (
        "a submission needs model_organization, submitting_organization, submission_date, email"
    )
    assert not (tmp_path / "s.json").exists()


def test_a_k_without_enough_trials_is_null_with_a_warning(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"no figure for Pass\^3, Pass\^4"):
        found = submitted(recording(tmp_path, [1, 0], [1, 1, 1, 1]), tmp_path)
    assert found["results"]["retail"] == {
        "pass_1": 75.0, "pass_2": 50.0, "pass_3": None, "pass_4": None, "cost": 0.25,
    }  # fmt: skip


def test_tasks_that_are_left_out_are_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"113 tasks evaluated, .* all 114 of retail"):
        found = submitted(recording(tmp_path, *[[1] * 4] * 113), tmp_path, omitted_questions=False)
    assert found["methodology"]["verification"] == {"omitted_questions": True}


@pytest.mark.parametrize(("domain", "count"), [("retail", 114), ("airline", 50)])
def test_four_trials_of_all_tasks_give_no_warning(tmp_path: Path, domain: str, count: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        whole = recording(tmp_path, *[[1, 0, 1, 1]] * count, domain=domain)
        found = submitted(whole, tmp_path)
    assert "verification" not in found["methodology"]
    assert list(found["results"]) == [domain]


@pytest.mark.parametrize(
    ("reason", "pass_1"),
    [
        ("agent_error", 75.0),
        ("user_error", 75.0),
        ("timeout", 75.0),
        ("infrastructure_error", 100.0),
        ("context_window_exceeded", 100.0),
    ],
)
def test_faults_count_as_upstream_counts_them(tmp_path: Path, reason: str, pass_1: float) -> None:
    raw = results(
        [simulation(f"s{n}", trial=n) for n in range(3)]
        + [simulation("s3", trial=3, termination_reason=reason, reward_info=reward(0.0))],
        tasks=[task("0")],
    )
    episodes = read_results(as_file(raw, tmp_path / "in.json")).episodes
    assert domain_figures(episodes).pass_1 == pass_1


def test_a_cost_that_nobody_knows_is_null(tmp_path: Path) -> None:
    free = recording(tmp_path, [1, 1, 1, 1])
    unknown = tuple(
        replace(each, trajectory=replace(each.trajectory, usage={})) for each in free.episodes
    )
    assert domain_figures(unknown).cost is None


def test_conversations_without_verdict_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="1 of 4 conversations have no verdict"):
        submitted(recording(tmp_path, [1, 1, None, 1]), tmp_path)


@pytest.mark.parametrize("domain", ["retail", "tau2-mock"])
def test_a_domain_that_is_not_on_the_leaderboard_is_refused(tmp_path: Path, domain: str) -> None:
    other = replace(recording(tmp_path, [1, 1, 1, 1]), domain=domain)
    with pytest.raises(FormatError, match=f"no domain '{domain}'"):
        submitted(other, tmp_path)


def test_a_date_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"option of submission 'submission_date'.* found 'soon'"):
        format_with(submission_date="soon")


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="no option 'model_nam'") as caught:
        format_with(model_nam="m")
    assert "model_name" in caught.value.hint


def test_a_submission_has_no_conversations_to_read(tmp_path: Path) -> None:
    submitted(recording(tmp_path, [1, 1, 1, 1]), tmp_path)
    path = tmp_path / "submission.json"
    assert format_with().recognises(path)
    assert not format_with().recognises(tmp_path / "in.json")
    with pytest.raises(FormatError, match="figures and no conversations"):
        format_with().read(path)


def test_a_path_that_is_no_json_file_is_a_folder(tmp_path: Path) -> None:
    format_with().write(recording(tmp_path, [1, 1, 1, 1]), tmp_path / "my-model_lab")
    assert (tmp_path / "my-model_lab" / "submission.json").is_file()


@needs_tau2
def test_the_official_schema_takes_the_parts_that_it_knows(tmp_path: Path) -> None:
    from tau2.scripts.leaderboard import submission as official

    found = submitted(
        recording(tmp_path, [1, 1, 1, 0], [1, 1, 1, 1]),
        tmp_path,
        contact_name="Some One",
        github="someone",
        evaluation_date="2026-01-30",
        tau2_bench_version="1.0.1",
    )
    official.ContactInfo.model_validate(found["contact_info"])
    official.Results.model_validate(found["results"])
    newer = {"verification"}
    known = {key: value for key, value in found["methodology"].items() if key not in newer}
    official.Methodology.model_validate(known)


@needs_tau2
def test_the_figures_are_those_of_the_official_metrics(tmp_path: Path) -> None:
    from loguru import logger

    logger.remove()
    from tau2.data_model.simulation import Results
    from tau2.metrics.agent_metrics import compute_metrics

    rewards = [[1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 0]]
    raw = results(tasks=[task(str(n)) for n in range(4)])
    raw["info"]["num_trials"] = 4
    raw["simulations"] = [
        simulation(f"{n}-{t}", str(n), trial=t, reward_info=reward(float(value)))
        for n, values in enumerate(rewards)
        for t, value in enumerate(values)
    ]
    path = as_file(raw, tmp_path / "in.json")
    theirs = compute_metrics(Results.load(path))
    ours = domain_figures(read_results(path).episodes)
    figures = [ours.pass_1, ours.pass_2, ours.pass_3, ours.pass_4]
    assert figures == pytest.approx([100 * theirs.pass_hat_ks[k] for k in (1, 2, 3, 4)])
    assert ours.cost == pytest.approx(theirs.avg_agent_cost)
