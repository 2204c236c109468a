"""What `import` and `rescore` say first, what a Pass^1 is made up of, and what no verdict is of."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A results file of 24 conversations on twelve tasks, about half of them failed."""
    from harness.evaluation.rollout import run_rollouts
    from harness.llm.roles import open_registry
    from harness.protocols import RolloutJob, RolloutSetup, Settings
    from harness.types import Recording
    from harness_asyncio.executor import AsyncioExecutor

    registry = open_registry()
    domain = registry.make("domain", "retail", Settings())
    settings = Settings(domain=domain)
    policy = registry.make("policy", "noisy:0.5", settings)
    user = registry.make("user simulator", "scripted", settings)
    tasks = tuple(domain.tasks("test")[:12])
    jobs = [RolloutJob(task=task, trial=n, seed=n) for task in tasks for n in (0, 1)]
    setup = RolloutSetup(domain=domain, user=user)
    episodes = tuple(run_rollouts(jobs, policy, setup, AsyncioExecutor(4)))
    path = tmp_path_factory.mktemp("files") / "r.json"
    registry.make("format", "tau2", Settings()).write(
        Recording(domain="retail", tasks=tasks, episodes=episodes), path
    )
    made: dict[str, Any] = json.loads(path.read_text())
    return made


@pytest.fixture
def file(written: dict[str, Any], tmp_path: Path) -> Callable[..., Path]:
    """A file after changes."""

    def make(*changes: Change) -> Path:
        raw = json.loads(json.dumps(written))
        for change in changes:
            change(raw)
        path = tmp_path / "r.json"
        path.write_text(json.dumps(raw))
        return path

    return make


def checks_of_another_task(raw: dict[str, Any], every: int = 1) -> None:
    tasks = [task["evaluation_criteria"]["actions"] for task in raw["tasks"]]
    ids = [task["id"] for task in raw["tasks"]]
    for each in raw["simulations"][::every]:
        other = tasks[(ids.index(each["task_id"]) + 1) % len(ids)]
        checks = [{"action": action, "action_match": True} for action in other]
        each["reward_info"]["action_checks"] = checks


def some_checks_of_another_task(raw: dict[str, Any]) -> None:
    checks_of_another_task(raw, every=3)


def answers_of_others(raw: dict[str, Any]) -> None:
    """Let a third of the conversations have had another database."""
    for each in raw["simulations"][::3]:
        for message in each["messages"]:
            if message["role"] == "tool":
                message["content"] = '{"odd": true}'


def faults(raw: dict[str, Any]) -> None:
    for each in raw["simulations"][::4]:
        each["termination_reason"] = "infrastructure_error"


def no_rewards(raw: dict[str, Any]) -> None:
    for each in raw["simulations"][::5]:
        each["reward_info"]["reward"] = float("nan")


def elsewhere(raw: dict[str, Any]) -> None:
    raw["info"]["environment_info"]["domain_name"] = "mock"


def other_way_round(raw: dict[str, Any]) -> None:
    for each in raw["simulations"]:
        each["reward_info"] = {"reward": 1.0 - each["reward_info"]["reward"]}


def all_praised(raw: dict[str, Any]) -> None:
    for each in raw["simulations"]:
        each["reward_info"] = {"reward": 1.0}
        each["messages"] = [m for m in each["messages"] if not m.get("tool_calls")]
        each["messages"] = [m for m in each["messages"] if m["role"] != "tool"]


def tasks_moved(raw: dict[str, Any]) -> None:
    ids = [task["id"] for task in raw["tasks"]]
    for each in raw["simulations"]:
        each["task_id"] = ids[(ids.index(each["task_id"]) + 1) % len(ids)]
        each["reward_info"] = {"reward": 1.0}


def first_warning(outcome: Any) -> str:
    return next((line for line in outcome.err.splitlines() if line.startswith("warning: ")), "")


def lines(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


# --- one Pass^1, and what it is made up of


@pytest.mark.parametrize(
    "changes",
    [
        (),
        (some_checks_of_another_task,),
        (answers_of_others,),
        (faults, no_rewards),
        (elsewhere,),
        (some_checks_of_another_task, answers_of_others, faults),
        (elsewhere, no_rewards, faults),
    ],
)
def test_import_and_report_give_one_pass_1(
    cli: Cli, file: Callable[..., Path], changes: tuple[Change, ...]
) -> None:
    found = cli("import", "tau2", file(*changes), "--out", "run", "--json").json
    passed = cli("report", "run", "--json").json["arms"][0]["pass"]["1"]
    assert found["pass_1"] == [passed["value"], passed["low"], passed["high"]]
    rows = lines("run/evals/policy-test/episodes.jsonl")
    fault = ("infrastructure_fault",)
    counting = [
        row["score"]["success"]
        for row in rows
        if row["trajectory"]["ended"] not in fault and not row["grade"]["unjudged"]
    ]
    assert found["graded"] + found["kept"] == len(counting)
    assert found["successes"] + found["kept_successes"] == sum(counting)


def test_what_a_pass_1_is_made_up_of_is_said(cli: Cli, file: Callable[..., Path]) -> None:
    path = file(some_checks_of_another_task)
    said = cli("import", "tau2", path, "--out", "run").out
    assert "of 24 verdicts: 16 graded again, 8 as recorded" in said
    assert "of 16 graded again" in cli("rescore", path).out


@pytest.mark.parametrize("change", [elsewhere, checks_of_another_task])
def test_where_nothing_is_graded_again_it_is_said_plainly(
    cli: Cli, file: Callable[..., Path], change: Change
) -> None:
    outcome = cli("import", "tau2", file(change), "--out", "run")
    assert "none: every verdict is the recorded one" in outcome.out
    recorded = cli("import", "tau2", file(change), "--out", "again", "--json").json
    assert f"{recorded['recorded_successes']}, all as recorded" in outcome.out
    assert "of 24 verdicts: all as recorded" in outcome.out


# --- what is said first


@pytest.mark.parametrize("change", [other_way_round, all_praised, tasks_moved])
def test_that_most_verdicts_change_is_the_first_thing_said(
    cli: Cli, file: Callable[..., Path], change: Change
) -> None:
    path = file(change)
    for words in (("import", "tau2", path, "--out", "run"), ("rescore", path)):
        outcome = cli(*words)
        assert "warning: most verdicts change: " in outcome.err
        assert first_warning(outcome).startswith("warning: most verdicts change: "), outcome.err


def test_a_few_changes_are_not_most(cli: Cli, file: Callable[..., Path]) -> None:
    def one(raw: dict[str, Any]) -> None:
        reward = raw["simulations"][0]["reward_info"]["reward"]
        raw["simulations"][0]["reward_info"] = {"reward": 1.0 - reward}

    assert "most verdicts" not in cli("rescore", file(one)).err


# --- a file that contradicts itself


def test_a_file_that_contradicts_itself_keeps_its_verdicts_and_no_failure_is_diagnosed(
    cli: Cli, file: Callable[..., Path]
) -> None:
    path = file(checks_of_another_task)
    outcome = cli("import", "tau2", path, "--out", "run", "--json")
    assert first_warning(outcome).startswith("warning: the recording contradicts itself in 24 of")
    assert (outcome.json["graded"], outcome.json["differing"]) == (0, [])
    assert cli("rescore", path).status == 1
    before = cli("import", "tau2", file(), "--out", "plain", "--json").json
    assert outcome.json["pass_1"] == before["pass_1"]
    assert outcome.json["contradicted"] == list(range(24))
    found = cli("discover", "run")
    assert "24 of 24 conversations are left out" in found.err
    assert "no diagnosed failures" in found.out


def test_of_a_file_that_contradicts_itself_in_part_the_rest_is_discovered(
    cli: Cli, file: Callable[..., Path]
) -> None:
    found = cli("discover", file(some_checks_of_another_task), "--out", "run", "--json")
    assert "8 of 24 conversations are left out" in found.err
    rows = lines("run/rounds/1/diagnoses.jsonl")
    left_out = {
        row["trajectory"]["id"]
        for row in lines("run/evals/policy-test/episodes.jsonl")
        if row["grade"]["contradicted"]
    }
    assert len(left_out) == 8
    assert not left_out & {row["trajectory_id"] for row in rows}


# --- calls of tools that the domain lacks


def with_helpers(raw: dict[str, Any]) -> None:
    """Let agents plan, take notes and look up the policy, and customers check whether to stop."""

    def called(id: str, name: str, side: str) -> list[dict[str, Any]]:
        call = {"id": id, "name": name, "arguments": {"text": "..."}, "requestor": side}
        result = {"id": id, "role": "tool", "content": "ok", "requestor": side, "error": False}
        return [{"role": side, "content": None, "tool_calls": [call]}, result]

    for each in raw["simulations"]:
        greeting, *rest = each["messages"]
        each["messages"] = [greeting]
        for n, message in enumerate(rest):
            if message["role"] != "tool":
                agents = ("plan", "take_note", "look_up_policy")[n % 3]
                name = agents if message["role"] == "assistant" else "check_stop"
                each["messages"] += called(f"helper-{n}", name, message["role"])
            each["messages"].append(message)
        for turn, message in enumerate(each["messages"]):
            message["turn_idx"] = turn


def test_conversations_with_helper_calls_are_graded_and_diagnosed_as_without(
    cli: Cli, file: Callable[..., Path]
) -> None:
    plain = cli("discover", file(), "--out", "plain", "--json").json
    path = file(with_helpers)
    rows = [json.loads(line) for line in cli("rescore", path, "--json").out.splitlines()]
    assert [row["reward"] for row in rows] == [row["recorded_reward"] for row in rows]
    assert {row["reward"] for row in rows} == {0.0, 1.0}
    assert all(row["unknown_tools"]["check_stop"] for row in rows)
    helped = cli("discover", path, "--out", "helped", "--json").json
    for key in ("blame", "patterns"):
        assert helped[key] == plain[key]
    said = cli("rescore", path).out
    assert "check_stop" in said
    assert "taken as recorded" in said
    older = cli("rescore", path, "--compared", "all")
    assert older.status == 1
    assert "none of the 24 conversations" in older.err


# --- names of other domains


@pytest.mark.parametrize("name", ["mock", "banking_knowledge", "mms"])
def test_no_other_official_domain_is_a_misspelling(
    cli: Cli, file: Callable[..., Path], name: str
) -> None:
    def named(raw: dict[str, Any]) -> None:
        raw["info"]["environment_info"]["domain_name"] = name

    path = file(named)
    for words in (
        ("import", "tau2", path, "--out", "run"),
        ("rescore", path),
        ("rescore", path, "--domain", f"tau2-{name}"),
        ("eval", "--domain", f"tau2-{name}"),
    ):
        said = cli(*words).err
        assert f"no domain is called 'tau2-{name}'" in said
        assert "Did you mean" not in said
    assert "Did you mean 'tau2-retail'?" in cli("eval", "--domain", "tau2-retial").err


# --- noise


def test_the_noise_of_repeated_runs_is_said(cli: Cli, file: Callable[..., Path]) -> None:
    def first_trials(raw: dict[str, Any]) -> None:
        raw["simulations"] = [each for each in raw["simulations"] if each["trial"] == 0]

    def second_trials(raw: dict[str, Any]) -> None:
        raw["simulations"] = [each for each in raw["simulations"] if each["trial"] == 1]

    one = file(first_trials).rename("one.json")
    two = file(second_trials).rename("two.json")
    both = file()
    assert "noise" not in cli("rescore", one).out
    said = cli("rescore", one, "--repeat", two).out
    each = [
        cli("import", "tau2", path, "--out", path.stem, "--json").json["pass_1"][0]
        for path in (one, two)
    ]
    assert f"Pass^1 of the 2 runs {each[0]}, {each[1]}" in said
    found = cli("import", "tau2", both, "--out", "both", "--json").json["noise"]
    assert f"{found['unsteady']} of 12 tasks end differently" in said
    assert found["unsteady"] > 0


def test_a_run_of_another_domain_repeats_nothing(cli: Cli, file: Callable[..., Path]) -> None:
    words = ["--domain", "invented", "--policy", "noop", "--tasks", 2, "--out", "other"]
    assert cli("eval", *words).status == 0
    outcome = cli("rescore", file(), "--repeat", "other")
    assert (outcome.status, outcome.out) == (1, "")
    assert "other is of the domain 'invented', " in outcome.err
