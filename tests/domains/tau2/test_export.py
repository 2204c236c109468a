"""Recordings become official results: imported ones as they were, our own complete and valid."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import FormatError
from harness.protocols import Settings
from harness.testing.checks.formats import check_format, sample_recording
from harness.testing.fakes import play
from harness.types import Diagnosis, Ended, Episode, Grade, Json, Recording, Usage
from harness_retail import harness_domains
from harness_tau2.export import UNKNOWN_TIME, write_results
from harness_tau2.formats import results_format
from harness_tau2.results import read_results
from harness_tau2.simulations import ENDINGS, REASONS

from .official import needs_tau2
from .recorded import (
    as_file,
    as_folder,
    blamed,
    newer,
    results,
    review,
    reward,
    said,
    simulation,
)

RETAIL = harness_domains()["retail"](Settings())


def official(path: Path) -> Any:
    """The results as the official loader reads them, as plain JSON."""
    from loguru import logger

    logger.remove()
    from tau2.data_model.simulation import Results

    return Results.load(path).model_dump(mode="json")


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def exported(recording: Recording, path: Path) -> Any:
    write_results(recording, path)
    return load(path)


def diagnosed(recording: Recording, **changes: Any) -> Recording:
    """The recording with a new diagnosis of its first conversation."""
    trajectory = recording.episodes[0].trajectory
    found = Diagnosis(
        trajectory_id=trajectory.id,
        task_id=trajectory.task_id,
        blame="agent",
        kind="wrong_order",
        turn=6,
        summary="It cancelled the wrong order.",
        evidence="#W1 instead of #W2",
    )
    return replace(recording, diagnoses=(replace(found, **changes),))


# --- what was imported ----------------------------------------------------------------------------


@pytest.mark.parametrize("data_version", [lambda raw: raw, newer])
def test_what_was_imported_comes_out_as_it_was(
    tmp_path: Path, data_version: Callable[[Any], Any]
) -> None:
    raw = data_version(
        results([simulation("a"), simulation("b", trial=None, strange=[{"new": 1}])])
    )
    raw |= {"invented_later": {"x": 1}}
    recording = read_results(as_file(raw, tmp_path / "in.json"))
    assert exported(recording, tmp_path / "out.json") == raw


def test_a_folder_comes_out_as_it_was(tmp_path: Path) -> None:
    raw = newer(results([simulation("b"), simulation("a", "1")]))
    given = as_folder(raw, tmp_path / "in")
    write_results(read_results(given), tmp_path / "out")
    written = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*"))
    assert written == sorted(path.relative_to(given) for path in given.rglob("*"))
    for path in given.rglob("*.json"):
        assert load(tmp_path / "out" / path.relative_to(given)) == load(path)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
TURNS = st.one_of(
    st.builds(said, st.sampled_from(["user", "assistant"]), st.none() | st.text()),
    st.builds(
        lambda name, arguments, requestor: said(
            requestor,
            None,
            tool_calls=[{"id": "c", "name": name, "arguments": arguments, "requestor": requestor}],
        ),
        st.text(),
        st.dictionaries(st.text(), JSONS, max_size=3),
        st.sampled_from(["user", "assistant"]),
    ),
)
SIMULATIONS = st.builds(
    lambda reason, talk, trial, value, extra: {
        **extra,
        **simulation(termination_reason=reason, messages=talk, trial=trial, reward_info=value),
    },
    st.sampled_from(sorted(ENDINGS)),
    st.lists(TURNS, max_size=6),
    st.none() | st.integers(0, 5),
    st.none() | st.sampled_from([0.0, 1.0, 0.5]).map(reward),
    st.dictionaries(st.text().filter(lambda key: key not in ("review", "info")), JSONS, max_size=3),
)


@given(st.lists(SIMULATIONS, max_size=4))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_simulations_come_out_as_they_were(tmp_path: Path, raws: list[dict[str, Any]]) -> None:
    raw = results([{**each, "id": f"s{n}"} for n, each in enumerate(raws)])
    recording = read_results(as_file(raw, tmp_path / "in.json"))
    assert exported(recording, tmp_path / "out.json") == raw


@needs_tau2
def test_the_official_loader_reads_the_same_before_and_after(tmp_path: Path) -> None:
    raw = results([simulation("a"), simulation("b", "1", reward_info=reward(0.0))])
    given = as_file(official(as_file(raw, tmp_path / "raw.json")), tmp_path / "in.json")
    write_results(diagnosed(read_results(given)), tmp_path / "out.json")
    assert official(tmp_path / "out.json") == official(given)


def test_a_new_diagnosis_becomes_the_review(tmp_path: Path) -> None:
    raw = results([simulation("a", reward_info=reward(0.0)), simulation("b")])
    recording = diagnosed(read_results(as_file(raw, tmp_path / "in.json")))
    written = exported(recording, tmp_path / "out.json")
    found = written["simulations"][0].pop("review")
    assert written == raw
    assert (found["agent_error"], found["user_error"], found["has_errors"]) == (True, False, True)
    assert found["errors"] == [
        {
            "source": "agent",
            "error_type": "content_error",
            "error_tags": ["wrong_order"],
            "severity": "critical",
            "turn_idx": 6,
            "reasoning": "It cancelled the wrong order.\n#W1 instead of #W2",
            "correct_behavior": None,
        }
    ]


def test_a_review_that_was_read_stays_as_it_was(tmp_path: Path) -> None:
    found = review(blamed("agent", "hasty", "critical", 6), blamed("user", "odd", "minor", 1))
    raw = results([simulation(reward_info=reward(0.0), review=found)])
    recording = read_results(as_file(raw, tmp_path / "in.json"))
    assert recording.diagnoses
    assert exported(recording, tmp_path / "out.json") == raw


def test_a_review_names_the_turn_as_the_file_counts(tmp_path: Path) -> None:
    talk = [{**turn, "turn_idx": n + 50} for n, turn in enumerate(simulation()["messages"])]
    raw = results([simulation(messages=talk, reward_info=reward(0.0))])
    recording = diagnosed(read_results(as_file(raw, tmp_path / "in.json")))
    written = exported(recording, tmp_path / "out.json")
    assert written["simulations"][0]["review"]["errors"][0]["turn_idx"] == 56


@pytest.mark.parametrize(
    ("changes", "source", "severity", "critical_user_error"),
    [
        ({"blame": "user_simulator"}, "user", "critical_hindered", True),
        ({"blame": "user_simulator", "severity": "minor"}, "user", "minor", False),
        ({"blame": "task"}, "unknown", "critical", False),
        ({"blame": "agent", "severity": "minor"}, "agent", "minor", False),
    ],
)
def test_blame_and_severity_go_into_upstream_words(
    tmp_path: Path, changes: dict[str, Any], source: str, severity: str, critical_user_error: bool
) -> None:
    recording = diagnosed(read_results(as_file(results(), tmp_path / "in.json")), **changes)
    found = exported(recording, tmp_path / "out.json")["simulations"][0]["review"]
    assert (found["errors"][0]["source"], found["errors"][0]["severity"]) == (source, severity)
    assert found["critical_user_error"] is critical_user_error


def test_credentials_do_not_get_out(tmp_path: Path) -> None:
    recording = read_results(as_file(results(), tmp_path / "in.json"))
    leaky: dict[str, Json] = {**recording.about, "results": {"info": {"llm_args": {"token": "s3"}}}}
    written = exported(replace(recording, about=leaky), tmp_path / "out.json")
    assert written["info"] == {"llm_args": {"token": "***"}}


# --- what is our own ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".json", ""])
def test_our_own_conversations_come_back_from_file_and_folder(tmp_path: Path, suffix: str) -> None:
    check_format(results_format(Settings()), RETAIL, tmp_path / f"out{suffix}")


def test_our_own_tasks_and_their_domain_come_back_whole(tmp_path: Path) -> None:
    recording = sample_recording(RETAIL)
    write_results(recording, tmp_path / "out.json")
    again = read_results(tmp_path / "out.json")
    assert again.tasks == recording.tasks
    assert again.domain == "retail"
    assert load(tmp_path / "out.json")["info"]["environment_info"]["domain_name"] == (
        "harness-retail"
    )


ABOUT: dict[str, Json] = {
    "policy": "owner/model",
    "simulator": "claude:some-model",
    "temperature": 0.7,
    "seed": 3,
    "trials": 1,
    "max_steps": 80,
    "max_errors": 10,
    "domain_policy": "Be kind.",
    "data_version": "abc",
}


def own(**changes: Any) -> Recording:
    """One played conversation, its trajectory changed."""
    [task, *_] = RETAIL.tasks("test")
    episode = play(RETAIL, task)
    changed = replace(episode, trajectory=replace(episode.trajectory, **changes))
    return Recording(domain="retail", tasks=(task,), episodes=(changed,), about=ABOUT)


def graded(**grade: Any) -> Any:
    """What is written of the reward of a conversation with that grade."""
    recording = own(ended="user_stop")
    [episode] = recording.episodes
    return replace(recording, episodes=(replace(episode, grade=Grade(**grade)),))


@needs_tau2
@pytest.mark.parametrize("ended", ["user_stop", "max_steps", "agent_fault", "user_gave_up"])
def test_the_official_loader_reads_our_own(tmp_path: Path, ended: Ended) -> None:
    write_results(diagnosed(own(ended=ended)), tmp_path / "out.json")
    found = official(tmp_path / "out.json")
    assert found["info"]["agent_info"]["llm"] == "owner/model"
    assert found["info"]["user_info"]["implementation"] == "claude"
    assert found["info"]["user_info"]["llm"] == "some-model"
    assert found["info"]["environment_info"]["policy"] == "Be kind."
    [task] = found["tasks"]
    assert len(task["evaluation_criteria"]["actions"]) == len(own().tasks[0].gold)
    assert found["simulations"][0]["termination_reason"] == REASONS[ended]
    assert found["simulations"][0]["reward_info"]["reward"] == 0.0


@needs_tau2
def test_the_official_metrics_agree_with_ours(tmp_path: Path) -> None:
    from tau2.data_model.simulation import Results
    from tau2.metrics.agent_metrics import compute_metrics

    sample = sample_recording(RETAIL)
    counted = tuple(each for each in sample.episodes if not each.uncounted)
    recording = replace(sample, episodes=counted)
    write_results(recording, tmp_path / "out.json")
    found = compute_metrics(Results.load(tmp_path / "out.json"))
    ours = [episode.score.success for episode in recording.episodes]
    assert 0 < sum(ours) < len(ours)
    assert found.avg_reward == pytest.approx(sum(ours) / len(ours))


def test_times_that_are_not_known_are_a_fixed_one(tmp_path: Path) -> None:
    first, again = exported(own(), tmp_path / "a.json"), exported(own(), tmp_path / "b.json")
    [each] = first["simulations"]
    assert first == again
    assert {each["start_time"], each["end_time"], first["timestamp"]} == {UNKNOWN_TIME}
    assert each["duration"] == 0.0


@pytest.mark.parametrize("ended", sorted(REASONS))
def test_every_ending_comes_back(tmp_path: Path, ended: Ended) -> None:
    recording = own(ended=ended, fault="out of memory" if "fault" in ended else "")
    write_results(recording, tmp_path / "out.json")
    [episode] = read_results(tmp_path / "out.json").episodes
    assert episode.trajectory.ended == ended
    assert episode.score.success is False
    if ended == "agent_fault":
        assert episode.trajectory.fault == "out of memory"


def test_the_policy_comes_back(tmp_path: Path) -> None:
    write_results(own(policy="noisy-1"), tmp_path / "out.json")
    [episode] = read_results(tmp_path / "out.json").episodes
    assert episode.trajectory.policy == "noisy-1"


def test_usage_comes_back(tmp_path: Path) -> None:
    usage: Mapping[str, Usage] = {
        "agent": Usage(tokens_in=5, tokens_out=2, calls=1, cost_usd=0.5),
        "user": Usage(tokens_in=1),
    }
    write_results(own(usage=usage), tmp_path / "out.json")
    [episode] = read_results(tmp_path / "out.json").episodes
    assert episode.trajectory.usage == usage


def test_parts_of_the_grade_are_the_breakdown_of_the_reward(tmp_path: Path) -> None:
    recording = graded(success=False, parts={"DB": True, "NL_ASSERTION": False})
    [each] = exported(recording, tmp_path / "out.json")["simulations"]
    info = each["reward_info"]
    assert info["reward_basis"] == ["DB", "NL_ASSERTION"]
    assert info["reward_breakdown"] == {"DB": 1.0, "NL_ASSERTION": 0.0}
    assert info["db_check"] == {"db_match": True, "db_reward": 1.0}


def test_a_reward_that_is_not_the_product_of_its_parts_has_a_note(tmp_path: Path) -> None:
    recording = graded(success=False, parts={"DB": True})
    [each] = exported(recording, tmp_path / "out.json")["simulations"]
    assert each["reward_info"]["reward"] == 0.0
    assert "user_stop" in each["reward_info"]["info"]["note"]
    assert "reward_breakdown" not in each["reward_info"]


def test_what_nobody_judged_has_no_reward(tmp_path: Path) -> None:
    recording = graded(success=True, unjudged=("The agent was polite.",))
    [each] = exported(recording, tmp_path / "out.json")["simulations"]
    assert each["reward_info"] is None
    assert read_results(tmp_path / "out.json").episodes[0].uncounted == "not_gradeable"


# --- where to -------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("before")
    [episode] = own().episodes
    unwritable = replace(episode, trajectory=replace(episode.trajectory, messages=(object(),)))  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        write_results(replace(own(), episodes=(unwritable,)), path)
    assert path.read_text() == "before"
    write_results(own(), path)
    assert [each.name for each in tmp_path.iterdir()] == ["out.json"]
    assert load(path)["simulations"]


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(FormatError, match="is not an empty folder"):
        write_results(own(), tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("id", ["../outside", "a/b", "", ".hidden"])
def test_an_id_that_is_no_file_name_is_refused_for_a_folder(tmp_path: Path, id: str) -> None:
    recording = read_results(as_file(results([simulation(id)]), tmp_path / "in.json"))
    with pytest.raises(FormatError, match="cannot name one file"):
        write_results(recording, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    write_results(recording, tmp_path / "out.json")


def episode_count(path: Path) -> int:
    return len(read_results(path).episodes)


def test_an_empty_folder_can_be_filled(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    write_results(own(), target)
    assert episode_count(target) == 1


def test_several_episodes_of_one_task_keep_their_order(tmp_path: Path) -> None:
    recording = sample_recording(RETAIL, tasks=2)
    write_results(recording, tmp_path / "out")
    found: tuple[Episode, ...] = read_results(tmp_path / "out").episodes
    assert [e.trajectory.id for e in found] == [e.trajectory.id for e in recording.episodes]
