"""`discover` on runs, files and several at once, and `why`: the lineage both ways."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.discovery.diagnose import by_blame
from harness.discovery.patterns import find_patterns
from harness.run_folder import RunFolder
from harness.types import Diagnosis

Cli = Callable[..., Any]

LEXICAL = ("--option", "faiss.model=lexical")


@pytest.fixture
def run(cli: Cli) -> Path:
    words = ["--policy", "noisy:0.8", "--tasks", 12, "--trials", 2, "--split", "validation"]
    assert cli("eval", *words, *LEXICAL, "--out", "run").status == 0
    return Path("run")


def test_patterns_come_with_family_contrast_quality_and_a_map(cli: Cli, run: Path) -> None:
    found = cli("discover", run, "--json").json
    first = found["patterns"][0]
    assert {"id", "family", "coverage", "gap", "exemplars", "filtered"} <= set(first)
    assert first["family"]
    [row] = found["discovery"]
    assert {"embedding", "embedding_version", "seed", "stability", "silhouette"} <= set(
        row["quality"]
    )
    assert row["suspects"] == []
    drawn = Path(found["map"]).read_text()
    assert drawn.startswith("<svg")
    assert first["name"] in drawn
    outcome = cli("discover", run, "--map", "here/map.svg")
    assert Path("here/map.svg").read_text() == drawn
    assert first["family"] in outcome.out
    assert "stability" in outcome.out


def test_the_lineage_is_walked_from_each_of_its_links(cli: Cli, run: Path) -> None:
    patterns = cli("discover", run, "--json").json["patterns"]
    assert cli("inject", run).status == 0
    pattern = cli("why", patterns[0]["id"], run, "--json").json
    assert pattern["what"] == "pattern"
    assert pattern["tasks"]
    task = cli("why", pattern["tasks"][0]["task_id"], run, "--json").json
    origin = task["tasks"][0]["origin"]
    assert (task["what"], origin["pattern_id"]) == ("task", patterns[0]["id"])
    failure = cli("why", origin["trajectory_id"][:8], run, "--json").json
    assert (failure["what"], failure["asked"]) == ("failure", origin["trajectory_id"])
    assert failure["patterns"][0]["pattern"]["id"] == patterns[0]["id"]
    assert task["asked"] in {one["task_id"] for one in failure["tasks"]}
    assert failure["tried"][0]["trials"] == 2
    shown = cli("why", failure["asked"], run).out
    for word in ("failed", "error pattern", "targeted tasks", "tried on", patterns[0]["name"]):
        assert word in shown


def test_a_discovery_that_is_interrupted_leaves_the_one_before(
    cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("discover", run).status == 0
    before = kept(run)
    with monkeypatch.context() as patch:
        patch.setattr("harness.loop.discover_patterns", interrupted)
        assert cli("discover", run, "--again").status == 130
    assert kept(run) == before
    assert cli("discover", run, "--again", "--evaluation", "nope").status == 1
    assert RunFolder.open(run).is_done("discover 1")
    assert cli("inject", run, "--count", 2).status == 0


def test_a_discovery_that_ends_while_it_is_replaced_leaves_the_one_before(
    cli: Cli, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("discover", run).status == 0
    assert cli("inject", run, "--count", 2, "--off", "targeted").status == 0
    before = kept(run)
    write = RunFolder.write_values

    def killed(store: RunFolder, name: str, *values: Any) -> None:
        write(store, name, *values)
        if name.endswith("patterns.jsonl"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_values", killed)
        assert cli("discover", run, "--again").status == 130
    assert kept(run) == before
    assert cli("discover", run).status == 0
    assert kept(run) == before
    assert "no checkpoint 'sft'" in cli("train", run).err


def kept(run: Path) -> dict[str, bytes]:
    """What round 1 holds."""
    return {path.name: path.read_bytes() for path in (run / "rounds/1").glob("*.json*")}


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_id_that_nothing_has_is_an_error(cli: Cli, run: Path) -> None:
    outcome = cli("why", "nothing", run)
    assert outcome.status == 1
    assert "knows no failure, pattern, task or training rollout 'nothing'" in outcome.err
    assert "no run in runs/" in cli("why", "nothing").err


def test_an_id_may_be_cut_short_where_only_one_begins_so(cli: Cli, run: Path) -> None:
    id = cli("discover", run, "--json").json["patterns"][0]["id"]
    failures = (run / "rounds/1/diagnoses.jsonl").read_text().splitlines()
    assert cli("why", id[:6], run, "--json").json["asked"] == id
    firsts = [json.loads(line)["trajectory_id"][0] for line in failures]
    several = max(firsts, key=firsts.count)
    assert firsts.count(several) > 1
    outcome = cli("why", several, run)
    assert outcome.status == 1
    assert f"ids begin with {several!r}: " in outcome.err
    assert "Give one more character" in outcome.err


def test_tasks_for_patterns_that_may_be_chance_are_warned_of(cli: Cli) -> None:
    words = ["--policy", "noisy:0.3", "--seed", 3, "--split", "validation", "--tasks", 3]
    assert cli("eval", *words, "--trials", 1, *LEXICAL, "--out", "few").status == 0
    assert cli("discover", "few").status == 0
    warned = cli("inject", "few", "--count", 2, "--off", "targeted").err
    assert "tasks are made for what may be chance: " in warned
    assert "(1 failure)" in warned


def test_two_policies_are_compared_in_one_landscape(cli: Cli, run: Path) -> None:
    words = ["--policy", "noop", "--tasks", 12, "--trials", 2, "--split", "validation"]
    assert cli("eval", *words, *LEXICAL, "--out", "other").status == 0
    found = cli("discover", run, "other", "--out", "both", "--json").json
    assert [side["name"] for side in found["sides"]] == ["run", "other"]
    [shift] = found["shifts"]
    assert (shift["side"], shift["verdict"]) == ("other", "shifting")
    assert Path(found["map"]).exists()
    before = [Path(side, "config.json").read_bytes() for side in (str(run), "other")]
    assert cli("discover", run, "other", "--out", "both", "--namer", "terms").status == 0
    after = [Path(side, "config.json").read_bytes() for side in (str(run), "other")]
    assert after == before, "a comparison changes no run"
    assert Path("both/comparison.json").exists()
    assert "the mixes of failures differ" in cli("discover", run, "other", "--out", "both").out


def test_a_file_becomes_a_run_first(cli: Cli, run: Path, plain_format: str) -> None:
    assert cli("export", run, "--format", "plain", "--out", "talks.json").status == 0
    found = cli("discover", "talks.json", "--out", "theirs", "--json").json
    assert found["run"] == "theirs"
    own = cli("discover", run, "--json").json
    assert found["blame"] == own["blame"]
    assert sum(found["blame"][0].values()) > 10
    assert found["patterns"]


def test_faults_of_the_user_are_in_no_pattern_and_in_both_conventions(cli: Cli) -> None:
    words = ["--policy", "noisy:0.5", "--simulator", "faulty:0.6", "--split", "validation"]
    sizes = ["--tasks", 20, "--trials", 2, "--out", "run"]
    assert cli("eval", *words, *LEXICAL, *sizes).status == 0
    before = cli("report", "run", "--json").json["validation"][0]
    [blame] = cli("discover", "run", "--json").json["blame"]
    after = cli("report", "run", "--json").json["validation"][0]
    assert blame["user_simulator"] > 0
    assert after["fault_kinds"]["fault of the user simulator"] == blame["user_simulator"]
    assert after["pass_counted"]["1"]["value"] == before["pass"]["1"]["value"]
    assert after["pass"]["1"]["value"] > before["pass"]["1"]["value"]


def test_a_judge_that_blames_nobody_leaves_nothing_to_cluster() -> None:
    found = [
        Diagnosis(trajectory_id="1", task_id="1", blame="infrastructure", kind="x", turn=0,
                  summary="")
    ]  # fmt: skip
    assert by_blame(found) == {"infrastructure": 1}
    assert find_patterns(found, None) == []  # type: ignore[arg-type]


def recorded(path: Path, outcomes: str) -> Path:
    """Conversations in which the agent claims what it did not do, whatever became of them."""
    messages = [
        {"role": "user", "content": "My order is wrong."},
        {"role": "assistant", "content": "Done."},
    ]
    rows = [{"id": n, "messages": messages, "r": r} for n, r in enumerate(outcomes)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_patterns_that_cannot_be_causes_are_shown_and_no_task_is_made_for_them(
    cli: Cli, tmp_path: Path
) -> None:
    done = cli("discover", recorded(tmp_path / "log.jsonl", "010101"), "--outcome", "r",
               "--out", "log")  # fmt: skip
    assert done.status == 0
    assert "policy-train: 6 conversations, 3 failed" in done.err
    assert "there was nothing to redact: no email" in done.err
    assert "no tasks are made for these" in done.out
    assert "claimed action" in done.out
    made = cli("inject", "log")
    assert made.status == 1
    assert "none of 1 patterns can be a cause of failures: claimed action" in made.err


def test_a_log_without_failures_says_so(cli: Cli, tmp_path: Path) -> None:
    done = cli("discover", recorded(tmp_path / "log.jsonl", "111"), "--outcome", "r",
               "--out", "log")  # fmt: skip
    assert done.status == 0
    assert "policy-train: 3 conversations, 0 failed" in done.err
    assert "no diagnosed failures" in done.out
    assert "none of 0 failures is the agent's" in cli("inject", "log").err
    assert cli("report", "log", "--html", "page.html").status == 0


def test_what_cannot_be_discovered_leaves_no_folder_in_the_way(cli: Cli, tmp_path: Path) -> None:
    words = ["discover", recorded(tmp_path / "log.jsonl", "0111"), "--outcome", "r", "--out", "log"]
    for wrong in (["--judge", "nobody"], ["--clusterer", "none"], ["--namer", "nobody"]):
        assert cli(*words, *wrong).status == 1
        assert not Path("log").exists()
    both = ["discover", *[recorded(tmp_path / f"{n}.jsonl", "0111") for n in "ab"]]
    assert cli(*both, "--outcome", "r", "--out", "two", "--judge", "nobody").status == 1
    assert not [*Path("two").glob("side-*")]
    assert cli(*words).status == 0
    again = cli(*words)
    assert again.status == 1
    assert "read what was imported by `harness discover log`" in again.err


def test_a_log_is_asked_by_its_own_ids_and_by_the_names_of_patterns(
    cli: Cli, tmp_path: Path
) -> None:
    log = recorded(tmp_path / "log.jsonl", "0000000011111111")
    assert cli("discover", log, "--outcome", "r", "--out", "log").status == 0
    for number in range(16):
        shown = cli("show", "log", number, "--json").json
        assert shown["record"]["id"] == number
        asked = cli("why", number, "log", "--json")
        if number < 8:
            assert (asked.json["what"], asked.json["asked"]) == ("failure", shown["id"])
        else:
            assert asked.status == 1
            assert f"'{number}' is not among the diagnosed failures" in asked.err
    pattern = cli("why", "Claimed action", "log", "--json").json
    assert (pattern["what"], len(pattern["failures"])) == ("pattern", 8)
