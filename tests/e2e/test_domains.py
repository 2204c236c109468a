"""A study of two domains in a real process: one SFT on both, trained in each, tested in both."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.study.packing import unpacked

Harness = Callable[..., Any]
Finish = Callable[..., tuple[int, str, str]]

STUDY = """
title = "two domains"
seeds = [0]
resamples = 100
family_arms = ["sky", "lines"]
[settings]
preset = "quick"
domain = "weather"
policy = "pupil"
sft_trainer = "lessons"
trainer = "drill"
sft_domains = ["weather", "telecom"]
test_tasks = 6
test_trials = 2
validation_tasks = 24
validation_trials = 1
targeted_tasks = 6
held_out_demonstrations = 3
easy_demonstrations = 0.0
warm_start = false
[starts.weather]
[starts.telecom]
sft_of = "weather"
settings = { domain = "telecom" }
[arms.sky]
begins = "weather"
tests_on = ["weather", "telecom"]
[arms.lines]
begins = "telecom"
[arms.sky-targeted]
begins = "weather"
trains = "targeted"
tests_on = ["weather", "telecom"]
[arms.lines-targeted]
begins = "telecom"
trains = "targeted"
tests_on = ["weather", "telecom"]
[arms.sky-rounds]
begins = "weather"
trains = "targeted"
after = "sky-targeted"
settings = { rounds = 2 }
[[comparisons]]
arm = "sky-targeted"
against = "sky"
[[comparisons]]
arm = "lines-targeted"
against = "sky"
"""


def test_a_policy_shown_two_domains_is_trained_in_each_and_tested_in_both(
    harness: Harness, finish: Finish, tmp_path: Path
) -> None:
    file, folder, page = tmp_path / "study.toml", tmp_path / "study", tmp_path / "domains.md"
    file.write_text(STUDY)
    status, out, err = finish(harness("study", "run", file, "--out", folder, "--json"))
    assert status == 0, err
    assert json.loads(out)["left"] == 0
    document: Any = unpacked(json.loads((folder / "results.json").read_text()), "")
    rows = {row["arm"]: row for row in document["rows"]}
    assert len(rows) == 10
    assert len({row["start"] for row in rows.values()}) == 1
    seen = json.loads((folder / "runs/0/weather/checkpoints/sft/checkpoint.json").read_text())
    assert seen["record"]["domains"][:4] == ["weather", "telecom", "weather", "telecom"]
    there, here = rows["sky-targeted-on-telecom"], rows["lines-targeted"]
    assert there["tasks"] == here["tasks"] != rows["sky"]["tasks"]
    assert there["checkpoint"] == "rl-1"
    assert "train rl-1" not in there["seconds"]
    skill = "checkpoints/rl-1/model/skill.json"
    at_home, away = (folder / "runs/0" / f"sky-targeted{on}" for on in ("", "-on-telecom"))
    assert (at_home / skill).samefile(away / skill)
    assert set(rows["sky-rounds"]["mistakes_by_round"]) == {"1", "2"}
    status, _, err = finish(harness("study", "report", folder, "--out", page))
    assert status == 0, err
    text = page.read_text()
    for title in ("What agents lack", "Transfer", "Rounds"):
        assert f"\n## {title}\n" in text
    assert "`lines-targeted` − `sky` | `telecom` |" in text
