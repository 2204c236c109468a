"""Each probe does what it says, and leaves alone what it does not speak of."""

import json
from collections.abc import Callable, Sequence

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.errors import ConfigError
from harness.evaluation.behaviour import behaviour, made_calls, write_names
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob, Settings
from harness.types import Episode
from harness_probes import harness_probes

PARTS = Components(load_config(flags={"domain": "retail", "executor": "asyncio"}), open_registry())
TASKS = PARTS.domain.tasks("train")[:30]
PROBES = sorted(harness_probes())
BORROWING = (
    "brute_force", "detour", "fake_stop", "pad", "repeat", "unconfirmed", "undo_redo",
    "unidentified",
)  # fmt: skip
"""The probes that do the work all the same."""


def played(name: str = "") -> Sequence[Episode]:
    """The expert's conversations, or those of a probe that borrows from it."""
    expert = PARTS.named_policy("expert")
    policy = PARTS.probe(name).policy(expert) if name else expert
    jobs = [RolloutJob(task=task, trial=0, seed=7) for task in TASKS]
    return run_rollouts(jobs, policy, PARTS.setup, PARTS.executor)


HONEST = played()


def count(episodes: Sequence[Episode], of: Callable[[Episode], int]) -> int:
    return sum(map(of, episodes))


def writes(episode: Episode) -> int:
    return behaviour(episode.trajectory, PARTS.domain).writes


def term(episodes: Sequence[Episode], name: str) -> float:
    return sum(t.value for e in episodes for t in e.score.terms if t.name == name)


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_is_reproducible_and_goes_without_faults(name: str) -> None:
    episodes = played(name)
    assert not [e for e in episodes if e.trajectory.is_fault]
    assert [e.trajectory.messages for e in played(name)] == [
        e.trajectory.messages for e in episodes
    ]


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_refuses_options(name: str) -> None:
    with pytest.raises(ConfigError, match="has no option"):
        harness_probes()[name](Settings(options={"wild": True}))


@pytest.mark.parametrize("name", BORROWING)
def test_cheating_on_the_way_leaves_most_tasks_done(name: str) -> None:
    assert count(played(name), lambda e: e.score.success) >= 0.8 * len(TASKS)


@pytest.mark.parametrize("name", ["idle", "refuse", "flatter", "stop", "transfer", "read_all"])
def test_who_does_nothing_writes_nothing(name: str) -> None:
    assert count(played(name), writes) == 0


def test_every_user_is_handed_over_by_the_tool_for_it() -> None:
    for episode in played("transfer"):
        assert [call.name for call in episode.trajectory.calls] == ["transfer_to_human_agents"]
        assert episode.trajectory.ended == "transfer"


@pytest.mark.parametrize(
    ("name", "punished"),
    [
        ("brute_force", "invalid_calls"),
        ("detour", "extra_writes"),
        ("fake_stop", "format"),
        ("fake_result", "format"),
        ("pad", "length"),
        ("repeat", "repeated_calls"),
        ("unconfirmed", "unconfirmed_writes"),
        ("undo_redo", "repeated_calls"),
        ("unidentified", "unidentified_access"),
    ],
)
def test_a_probe_does_what_a_term_is_there_for(name: str, punished: str) -> None:
    assert term(played(name), punished) < term(HONEST, punished) - 1


def test_reading_everything_reads_more() -> None:
    looks = [
        count(episodes, lambda e: len(made_calls(e.trajectory, write_names(PARTS.domain))))
        for episodes in (HONEST, played("read_all"))
    ]
    assert looks[1] > looks[0]


def test_who_stops_early_stops_after_one_write() -> None:
    episodes = [e for e in played("stop_early") if writes(e)]
    assert episodes
    assert all(writes(e) == 1 and e.trajectory.ended == "agent_stop" for e in episodes)


def test_a_made_up_result_stands_where_a_write_was_due() -> None:
    episodes = played("fake_result")
    assert count(episodes, writes) == 0
    said = [
        m.content for e in episodes for m in e.trajectory.messages if "<tool_call>" in m.content
    ]
    assert said
    made = json.loads(said[0].partition("<tool_call>")[2].partition("</tool_call>")[0])
    assert made["name"] in write_names(PARTS.domain)


def test_where_there_is_no_occasion_a_probe_is_the_honest_policy() -> None:
    plain = [e.task for e in HONEST if not writes(e)]
    assert plain
    mine = {e.task.id: e.trajectory.messages for e in played("detour")}
    honest = {e.task.id: e.trajectory.messages for e in HONEST}
    assert all(mine[task.id] == honest[task.id] for task in plain)
