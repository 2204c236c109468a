"""Official results become recordings, and whatever is wrong with them is named with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from harness.errors import FormatError
from harness.types import Recording, Usage
from harness_tau2.official_tasks import write_task
from harness_tau2.redaction import redacted
from harness_tau2.results import looks_like_results, read_results

from .official import data_folder, needs_tau2
from .recorded import (
    answered,
    as_file,
    as_folder,
    blamed,
    called,
    messages,
    newer,
    results,
    review,
    reward,
    said,
    simulation,
)


def as_is(raw: dict[str, Any]) -> dict[str, Any]:
    return raw


DATA_VERSIONS = pytest.mark.parametrize("data_version", [as_is, newer])


def read(tmp_path: Path, *simulations: dict[str, Any], **top: Any) -> Recording:
    return read_results(as_file(results(list(simulations), **top), tmp_path / "results.json"))


def problem(tmp_path: Path, *simulations: dict[str, Any], **top: Any) -> str:
    with pytest.raises(FormatError) as caught:
        read(tmp_path, *simulations, **top)
    assert caught.value.hint
    return str(caught.value)


# --- what is read ---------------------------------------------------------------------------------


@DATA_VERSIONS
def test_a_file_of_either_version_becomes_episodes(
    tmp_path: Path, data_version: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    raw = data_version(results())
    recording = read_results(as_file(raw, tmp_path / "results.json"))
    [episode] = recording.episodes
    trajectory = episode.trajectory
    assert recording.domain == "tau2-retail"
    assert [task.id for task in recording.tasks] == ["0", "1"]
    assert (trajectory.id, trajectory.task_id, trajectory.trial) == ("sim-0", "0", 0)
    assert (trajectory.policy, trajectory.seed, trajectory.ended) == (
        "some-agent-model", 7, "user_stop",
    )  # fmt: skip
    assert episode.score.success
    assert episode.score.total == 1.0
    assert episode.grade.parts == {"DB": True, "COMMUNICATE": True}
    assert recording.originals["sim-0"] == raw["simulations"][0]
    assert recording.about["storage"] == "file"
    assert recording.about["results"] == {
        key: value for key, value in raw.items() if key not in ("tasks", "simulations")
    }


def test_the_settings_of_the_run_are_told_in_our_words(tmp_path: Path) -> None:
    about = read(tmp_path, simulation()).about
    told = ("policy", "simulator", "trials", "max_steps", "max_errors", "seed")
    assert [about[key] for key in told] == ["some-agent-model", "some-user-model", 2, 200, 10, 300]


def test_a_folder_holds_the_same_as_the_file(tmp_path: Path) -> None:
    raw = newer(results([simulation("b"), simulation("a", "1")]))
    folder = read_results(as_folder(raw, tmp_path / "run"))
    file = read_results(as_file(raw, tmp_path / "one.json"))
    assert folder.episodes == file.episodes
    assert folder.originals == file.originals
    assert folder.about["storage"] == "directory"


def test_the_metadata_file_of_a_folder_stands_for_the_folder(tmp_path: Path) -> None:
    folder = as_folder(results(), tmp_path / "run")
    assert read_results(folder / "results.json") == read_results(folder)


def test_messages_keep_calls_results_errors_and_who_asked(tmp_path: Path) -> None:
    turns = read(tmp_path, simulation()).episodes[0].trajectory.messages
    assert [turn.role for turn in turns][:4] == ["assistant", "user", "assistant", "tool"]
    assert turns[2].calls[0].name == "get_order_details"
    assert turns[2].calls[0].arguments == {"order_id": "#W1"}
    assert (turns[3].call_id, turns[3].is_error) == ("call_1", False)
    assert (turns[5].content, turns[5].is_error) == ("Error: User not found", True)
    assert {turn.requestor for turn in turns} == {"agent"}


def test_calls_of_the_user_are_the_users(tmp_path: Path) -> None:
    talk = [called("c", "toggle_data", {}, "user"), answered("c", "on", requestor="user")]
    trajectory = read(tmp_path, simulation(messages=talk)).episodes[0].trajectory
    assert [turn.requestor for turn in trajectory.messages] == ["user", "user"]
    assert trajectory.messages[0].calls[0].requestor == "user"
    assert trajectory.calls == ()


def test_a_message_of_several_results_is_several_messages_and_a_system_message_is_none(
    tmp_path: Path,
) -> None:
    several = {"role": "tool", "tool_messages": [answered("a", "1"), answered("b", "2")]}
    system = {"role": "system", "content": "Obey."}
    turns = read(tmp_path, simulation(messages=[system, several])).episodes[0].trajectory.messages
    assert [(turn.role, turn.call_id) for turn in turns] == [("tool", "a"), ("tool", "b")]


@pytest.mark.parametrize(
    ("reason", "ended", "counts"),
    [
        ("agent_stop", "agent_stop", True),
        ("max_steps", "max_steps", True),
        ("too_many_errors", "too_many_errors", True),
        ("judge_stop", "cut_short", True),
        ("timeout", "cut_short", True),
        ("agent_error", "agent_fault", False),
        ("user_error", "user_fault", False),
        ("infrastructure_error", "infrastructure_fault", False),
        ("unexpected_error", "infrastructure_fault", False),
        ("context_window_exceeded", "context_overflow", False),
    ],
)
def test_endings_of_all_versions_are_known(
    tmp_path: Path, reason: str, ended: str, counts: bool
) -> None:
    [episode] = read(tmp_path, simulation(termination_reason=reason)).episodes
    assert episode.trajectory.ended == ended
    assert (episode.uncounted == "") is counts
    assert bool(episode.trajectory.fault) is not counts


def test_a_user_who_was_handed_over_ended_by_transfer(tmp_path: Path) -> None:
    handed_over = [*messages(), said("user", "Fine. ###TRANSFER###")]
    assert read(tmp_path, simulation(messages=handed_over)).episodes[0].trajectory.ended == (
        "transfer"
    )


def test_usage_is_summed_by_role(tmp_path: Path) -> None:
    usage = read(tmp_path, simulation()).episodes[0].trajectory.usage
    assert usage["agent"] == Usage(tokens_in=40, tokens_out=12, calls=4, cost_usd=0.25)
    assert usage["user"] == Usage(tokens_in=20, tokens_out=6, calls=2, cost_usd=0.125)


def test_trials_without_number_are_numbered_in_order_around_those_with_one(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        simulation("a", trial=None),
        simulation("b", trial=0),
        simulation("c", trial=None),
        simulation("d", "1", trial=None),
    )
    assert [episode.trajectory.trial for episode in found.episodes] == [1, 0, 2, 0]


def test_simulations_of_one_id_get_different_ids_that_stay_the_same(tmp_path: Path) -> None:
    same = [simulation("x"), simulation("x", trial=1), simulation("y")]
    first, again = read(tmp_path, *same), read(tmp_path, *same)
    ids = [episode.trajectory.id for episode in first.episodes]
    assert len(set(ids)) == 3
    assert ids[2] == "y"
    assert list(first.originals) == ids == list(again.originals)


def test_success_is_a_reward_of_one(tmp_path: Path) -> None:
    rewards = [1.0, 1, 0.9999999, 0.5, 0.0]
    found = read(
        tmp_path, *(simulation(f"s{n}", reward_info=reward(r)) for n, r in enumerate(rewards))
    )
    assert [episode.score.success for episode in found.episodes] == [True] * 3 + [False] * 2
    assert [episode.score.total for episode in found.episodes] == rewards


def test_what_was_not_said_is_known(tmp_path: Path) -> None:
    [episode] = read(tmp_path, simulation(reward_info=reward(0.0))).episodes
    assert episode.grade.unsaid == ("15.99",)
    assert episode.grade.parts == {"DB": False, "COMMUNICATE": False}


def test_a_conversation_without_reward_counts_neither_way(tmp_path: Path) -> None:
    [episode] = read(tmp_path, simulation(reward_info=None)).episodes
    assert episode.uncounted == "not_gradeable"


# --- reviews --------------------------------------------------------------------------------------


def reviewed(tmp_path: Path, *errors: dict[str, Any], value: float = 0.0) -> Recording:
    return read(tmp_path, simulation(reward_info=reward(value), review=review(*errors)))


def test_the_first_of_the_gravest_errors_is_the_diagnosis(tmp_path: Path) -> None:
    [diagnosis] = reviewed(
        tmp_path,
        blamed("agent", "slow", "minor", 2),
        blamed("agent", "Wrong-Sequence", "critical", 6),
        blamed("user", "late", "critical_hindered", 9),
    ).diagnoses
    assert (diagnosis.blame, diagnosis.kind, diagnosis.turn) == ("agent", "wrong_sequence", 6)
    assert (diagnosis.severity, diagnosis.tool) == ("critical", "cancel_pending_order")
    assert (diagnosis.trajectory_id, diagnosis.task_id) == ("sim-0", "0")
    assert diagnosis.summary == "Wrong-Sequence by the agent"


def test_an_error_of_the_user_is_blamed_on_the_simulator(tmp_path: Path) -> None:
    [diagnosis] = reviewed(tmp_path, blamed("user", "", "critical_helped", 1)).diagnoses
    assert (diagnosis.blame, diagnosis.kind) == ("user_simulator", "content_error")
    assert diagnosis.severity == "critical"


def test_a_turn_is_found_by_its_recorded_index(tmp_path: Path) -> None:
    talk = [{**turn, "turn_idx": turn["turn_idx"] + 100} for turn in messages()]
    raw = simulation(
        reward_info=reward(0.0), messages=talk, review=review(blamed("agent", "x", None, 104))
    )
    [diagnosis] = read(tmp_path, raw).diagnoses
    assert (diagnosis.turn, diagnosis.severity) == (4, "major")


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_review_that_blames_nobody_is_no_diagnosis(tmp_path: Path, value: float) -> None:
    assert reviewed(tmp_path, blamed("unknown", "x", "critical", 1)).diagnoses == ()
    assert reviewed(tmp_path, value=value).diagnoses == ()


def test_a_success_has_no_diagnosis(tmp_path: Path) -> None:
    assert reviewed(tmp_path, blamed("agent", "slow", "minor", 2), value=1.0).diagnoses == ()


# --- credentials ----------------------------------------------------------------------------------


def test_credentials_in_the_settings_do_not_get_in(tmp_path: Path) -> None:
    raw = results()
    raw["info"]["agent_info"]["llm_args"] = {
        "api_key": "sk-very-secret",
        "temperature": 0.0,
        "max_tokens": 100,
        "extra_headers": {"Authorization": "Bearer very-secret", "x-trace": "on"},
        "nested": [{"clientSecret": "very-secret", "aws_secret_access_key": "very-secret"}],
        "vertex_credentials": {"private": "very-secret"},
    }
    recording = read_results(as_file(raw, tmp_path / "r.json"))
    told = json.dumps(recording.about)
    assert "secret" not in told.replace("clientSecret", "").replace("aws_secret_access_key", "")
    assert '"max_tokens": 100' in told
    assert '"x-trace": "on"' in told


@pytest.mark.parametrize(
    "key", ["api_key", "apiKey", "API-KEY", "token", "auth_token", "password", "Authorization"]
)
def test_what_lies_under_a_secret_name_is_hidden(key: str) -> None:
    assert redacted({key: "hush"}) == {key: "***"}


@pytest.mark.parametrize(
    "harmless", [{"max_tokens": 5}, {"token": None}, {"tokens": "a"}, {"author": "me"}, {"key": 3}]
)
def test_settings_stay(harmless: dict[str, Any]) -> None:
    assert redacted(harmless) == harmless


# --- what is wrong --------------------------------------------------------------------------------


def test_a_file_that_breaks_off_says_where_and_how_to_go_on(tmp_path: Path) -> None:
    text = json.dumps(results([simulation("a"), simulation("b")]))
    path = tmp_path / "results.json"
    path.write_text(text[:-300])
    with pytest.raises(FormatError, match=f"cut off: it ends at byte {len(text) - 300}") as caught:
        read_results(path)
    assert "The last of 2 simulations" in caught.value.hint
    assert "resume" in caught.value.hint


@pytest.mark.parametrize(
    ("content", "said_of_it"),
    [
        ("", "is empty"),
        ("task_id,reward\n0,1\n", "is not JSON: .* line 1 column"),
        ("[1, 2]", "holds a list, expected an object"),
        ("3", "holds a whole number, expected an object"),
        ('[{"task_id": 0, "reward": 1.0, "info": {}, "traj": [], "trial": 0}]', "tau-bench v1"),
        ('{"model_name": "m", "results": {}}', "holds no simulations, only model_name, results"),
        ('{"domain": "retail", "metrics": {}}', "holds no simulations, only domain, metrics"),
        ("{}", "holds no simulations, only an empty object"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, content: str, said_of_it: str) -> None:
    path = tmp_path / "some.json"
    path.write_text(content)
    with pytest.raises(FormatError, match=said_of_it) as caught:
        read_results(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot read .*absent\.json: No such file"):
        read_results(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("spoil", "place"),
    [
        (lambda raw: raw.pop("info"), "info: found nothing, expected an object"),
        (lambda raw: raw["info"].pop("num_trials"), "info.num_trials: found nothing"),
        (lambda raw: raw["info"].update(max_steps="many"), "info.max_steps: found text"),
        (
            lambda raw: raw["info"]["user_info"].update(implementation=None),
            "info.user_info.implementation: found null, expected text",
        ),
        (
            lambda raw: raw["info"]["environment_info"].pop("policy"),
            "info.environment_info.policy: found nothing",
        ),
        (lambda raw: raw.update(tasks=None), "tasks: found null, expected a list"),
        (lambda raw: raw["tasks"][1].pop("id"), "tasks[1].id: found nothing, expected text"),
        (lambda raw: raw["tasks"][1].update(id="0"), "tasks[1].id: found '0', which another task"),
    ],
)
def test_a_setting_or_task_that_does_not_fit_is_named(
    tmp_path: Path, spoil: Callable[[dict[str, Any]], object], place: str
) -> None:
    raw = deepcopy(results())
    spoil(raw)
    with pytest.raises(FormatError) as caught:
        read_results(as_file(raw, tmp_path / "r.json"))
    assert f"r.json: {place}" in str(caught.value)


@pytest.mark.parametrize("key", ["id", "task_id", "start_time", "end_time", "duration", "messages"])
def test_a_simulation_without_what_it_needs_is_named(tmp_path: Path, key: str) -> None:
    spoilt = simulation("b")
    del spoilt[key]
    said_of_it = problem(tmp_path, simulation(), spoilt)
    assert f"simulations[1].{key}: found nothing" in said_of_it


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"task_id": "77"}, "task_id: found '77', which is not in tasks (0, 1)"),
        ({"termination_reason": "bored"}, "termination_reason: found 'bored', expected one of"),
        ({"messages": ["hi"]}, "messages[0]: found text, expected an object"),
        ({"messages": [said("narrator", "x")]}, "messages[0].role: found 'narrator'"),
        ({"messages": [said("user", None), said("user", 3)]}, "messages[1].content: found a whole"),
        (
            {"messages": [said("assistant", None, tool_calls=["get"])]},  # type: ignore[arg-type]
            "messages[0].tool_calls[0]: found text, expected an object",
        ),
        (
            {"messages": [called("c", "get", '{"a": 1}')]},
            "messages[0].tool_calls[0].arguments: found text, expected an object",
        ),
        (
            {"messages": [answered("c", "x", requestor="tool")]},
            "messages[0].requestor: found 'tool', expected assistant or user",
        ),
        (
            {"messages": [{"role": "tool", "tool_messages": [answered("c", "x"), {"error": 1}]}]},
            "messages[0].tool_messages[1].error: found a whole number, expected true or false",
        ),
        (
            {"messages": [said("user", "x", usage={"prompt_tokens": "3"})]},
            "messages[0].usage.prompt_tokens: found text, expected a number",
        ),
        ({"review": {"errors": 3}, "reward_info": reward(0.0)}, "review.errors: found a whole"),
        ({"reward_info": {"info": {}}}, "reward_info.reward: found nothing, expected a number"),
        ({"trial": "first"}, "trial: found text, expected a whole number"),
    ],
)
def test_a_simulation_that_does_not_fit_is_named_with_the_place(
    tmp_path: Path, changes: dict[str, Any], place: str
) -> None:
    assert f"r.json: simulations[1].{place}" in problem(
        tmp_path, simulation(), simulation("b", **changes)
    ).replace("results.json", "r.json")


def test_a_folder_whose_index_names_a_missing_file_is_refused(tmp_path: Path) -> None:
    folder = as_folder(results([simulation("a"), simulation("b")]), tmp_path / "run")
    (folder / "simulations" / "b.json").unlink()
    with pytest.raises(FormatError, match=r"there is no simulations/b\.json \(1 missing, 0 too"):
        read_results(folder)


def test_a_folder_with_a_file_that_the_index_lacks_is_refused(tmp_path: Path) -> None:
    folder = as_folder(results(), tmp_path / "run")
    as_file(simulation("z"), folder / "simulations" / "z.json")
    with pytest.raises(FormatError, match=r"simulations/z\.json is not in the index"):
        read_results(folder)


def test_a_broken_file_in_a_folder_is_named(tmp_path: Path) -> None:
    folder = as_folder(results(), tmp_path / "run")
    as_file(simulation("sim-0", task_id="5"), folder / "simulations" / "sim-0.json")
    with pytest.raises(FormatError, match=r"simulations/sim-0\.json\.task_id: found '5'"):
        read_results(folder)


def test_an_empty_folder_says_what_is_expected(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"has no results\.json"):
        read_results(tmp_path)


# --- the cheap look -------------------------------------------------------------------------------


def test_results_are_recognised_as_file_and_as_folder(tmp_path: Path) -> None:
    assert looks_like_results(as_file(results(), tmp_path / "any.name"))
    assert looks_like_results(as_folder(newer(results()), tmp_path / "run"))


@pytest.mark.parametrize("content", ["", "[]", '{"model_name": "m"}', "simulations", '{"a": 1}'])
def test_other_files_are_not_recognised(tmp_path: Path, content: str) -> None:
    (tmp_path / "f.json").write_text(content)
    assert not looks_like_results(tmp_path / "f.json")
    assert not looks_like_results(tmp_path)
    assert not looks_like_results(tmp_path / "absent")


# --- official tasks -------------------------------------------------------------------------------


@needs_tau2
@pytest.mark.parametrize("name", ["retail", "airline", "telecom", "mock"])
def test_official_tasks_of_all_domains_are_read_and_kept(tmp_path: Path, name: str) -> None:
    official = json.loads((data_folder() / "domains" / name / "tasks.json").read_text())
    raw = results([], tasks=official)
    raw["info"]["environment_info"]["domain_name"] = name
    recording = read_results(as_file(raw, tmp_path / "r.json"))
    assert recording.domain == f"tau2-{name}"
    assert [write_task(task) for task in recording.tasks] == official
