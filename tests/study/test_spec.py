"""What a study file may say, and the order it is run in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.assembly.config import LoopConfig
from harness.errors import ConfigError
from harness.study.spec import SHARED, Study, Turn, parse_study, read_study

STUDIES = Path(__file__).parents[2] / "studies"

COLD = {"warm_start": False}

TABLE: dict[str, Any] = {
    "title": "t",
    "seeds": [0, 1],
    "settings": {"preset": "quick", "domain": "weather", "rewards": {"length": 0.5}, **COLD},
    "arms": {
        "sft": {},
        "targeted": {"trains": "targeted"},
        "continued": {
            "trains": "demonstrations",
            "as_long_as": "targeted",
            "budget": "sft.cpu_seconds",
        },
        "plain": {
            "trains": "targeted",
            "group": "ablation",
            "seeds": 1,
            "settings": {"rewards": {"length": 0.0}},
        },
        "longer": {"trains": "targeted", "after": "targeted", "group": "ablation"},
    },
}


def study(**changes: Any) -> Study:
    return parse_study({**TABLE, **changes}, "study.toml")


def arms(**changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**TABLE["arms"], **changes}


def names(turns: list[Turn]) -> list[str]:
    return [f"{turn.arm}{turn.seed}" for turn in turns]


def test_main_arms_of_each_seed_come_before_any_ablation() -> None:
    assert names(study().turns()) == [
        "shared0", "sft0", "targeted0", "continued0",
        "shared1", "sft1", "targeted1", "continued1",
        "plain0", "longer0", "longer1",
    ]  # fmt: skip


def test_chosen_arms_bring_what_they_need() -> None:
    found = study().turns(seeds=[1], arms=["longer", "continued"])
    assert names(found) == ["shared1", "targeted1", "continued1", "longer1"]


def test_what_the_clock_decides_about_runs_alone() -> None:
    timed = [turn.arm for turn in study().turns(seeds=[0]) if study().is_timed(turn)]
    assert timed == [SHARED, "continued"]


def test_an_arm_changes_what_it_names_and_nothing_else() -> None:
    own, shared = study().config("plain", 1), study().config(SHARED, 1)
    assert (own.rewards["length"], shared.rewards["length"]) == (0.0, 0.5)
    assert {**own.rewards, "length": 0.5} == shared.rewards
    assert own.seed == 1
    assert own.control == "none"


def test_what_an_arm_has_no_use_for_is_left_out_of_its_settings() -> None:
    tables = {"grpo": {"max_steps": 3}, "sft": {"max_steps": 7}}
    found = study(
        settings={**TABLE["settings"], "options": tables},
        arms=arms(imitated={"trains": "targeted", "settings": {"trainer": "sft"}}),
    )
    assert found.config("targeted", 0).options["grpo"]["max_steps"] == 3
    own = found.config("imitated", 0)
    assert "grpo" not in own.options
    assert own.options["sft"]["max_steps"] == 7


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sedes": [1]}, "no key 'sedes'"),
        ({"seeds": []}, "seeds"),
        ({"arms": arms(sft={"trians": "targeted"})}, "no key 'trians'"),
        ({"arms": arms(sft={"trains": "everything"})}, "trains"),
        ({"arms": arms(sft={"after": "longer"})}, "comes later"),
        ({"arms": arms(sft={"after": "nobody"})}, "no arm 'nobody'"),
        ({"arms": arms(sft={"as_long_as": "targeted"})}, "must be given together"),
        ({"arms": arms(shared={})}, "cannot be called 'shared'"),
        ({"arms": arms(last={"after": "plain", "group": "ablation"})}, "more seeds"),
        ({"arms": arms(rl={"trains": "targeted", "start": "base"})}, "starts from the SFT"),
        ({"arms": arms(rl={"trains": "oracle", "start": "base"})}, "starts from the SFT"),
        ({"arms": arms(c={"trains": "generic", "settings": {"rounds": 2}})}, "no rounds"),
        ({"arms": arms(c={"trains": "generic", "own_tasks": True})}, "own_tasks is for"),
        ({"arms": arms(c={"start": "warm", "after": "targeted"})}, "after one with a warm start"),
        ({"arms": arms(c={"start": "warm"})}, "after one with a warm start"),
        ({"pattern_arms": ["sft", "targetted"]}, "no arm 'targetted'"),
        ({"comparisons": [{"arm": "targetd", "against": "sft"}]}, "no arm 'targetd'"),
    ],
)
def test_a_study_that_cannot_be_run_says_where(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study(**changes)


def test_untargeted_tasks_are_told_what_they_are_called_now() -> None:
    with pytest.raises(ConfigError, match=r"arms.control.*two successors") as error:
        study(arms=arms(control={"trains": "untargeted"}))
    assert all(name in error.value.hint for name in ('"generic"', '"oracle"'))


def test_a_warm_start_runs_alone_and_what_it_left_can_be_evaluated_after_it() -> None:
    warm = {"trains": "generic", "settings": {"warm_start": True}}
    found = study(arms=arms(warm=warm, before={"start": "warm", "after": "warm"}))
    assert found.config("warm", 0).warm_start
    assert not found.config("before", 0).warm_start
    assert found.is_timed(Turn(seed=0, arm="warm"))
    assert not found.is_timed(Turn(seed=0, arm="before"))
    assert Turn(seed=0, arm="warm") in found.needs(Turn(seed=0, arm="before"))


def test_the_study_of_the_results_compares_what_it_expects() -> None:
    found = read_study(STUDIES / "retail.toml")
    compared = {(one.arm, one.against) for one in found.comparisons}
    assert {(e.arm, e.against) for e in found.expectations} <= compared
    least = [(e.arm, e.against, e.k, e.at_least) for e in found.expectations]
    for arm, control in (("proofs", "generic-proofs"), ("warm", "warm-generic")):
        assert {(arm, "sft", 1, 12), (arm, "sft", 4, 12), (arm, control, 1, 12)} <= set(least)
    assert {len(found.seeds_of(n)) for n, a in found.arms.items() if a.group == "main"} == {5}
    assert {len(found.seeds_of(n)) for n, a in found.arms.items() if a.group != "main"} == {3}


@pytest.mark.parametrize(
    ("arm", "like", "rounds"), [("refreshed", "proofs", 4), ("warm-large", "warm", 1)]
)
def test_an_arm_of_the_study_has_as_many_rollouts_and_as_often_of_a_task_as_what_it_is_held_to(
    arm: str, like: str, rounds: int
) -> None:
    found = read_study(STUDIES / "retail.toml")
    config, other = found.config(arm, 0), found.config(like, 0)
    assert (config.rounds, other.rounds) == (rounds, 1)
    assert config.pool == "recent" or rounds == 1
    assert rounds * groups(config) == groups(other)
    assert groups(config) / config.targeted_tasks == groups(other) / other.targeted_tasks


def groups(config: LoopConfig) -> int:
    """Of one round's GRPO, each of as many rollouts of one task."""
    options = config.options["grpo"]
    assert options["num_generations"] == 8
    return int(options["max_steps"]) * int(options["tasks_per_step"])


def test_an_unknown_seed_or_arm_is_named() -> None:
    with pytest.raises(ConfigError, match="no seed '7'"):
        study().turns(seeds=[7])
    with pytest.raises(ConfigError, match="no arm 'targetted'") as error:
        study().turns(arms=["targetted"])
    assert "'targeted'" in error.value.hint


TWO = {
    "starts": {
        "sky": {},
        "lines": {"sft_of": "sky", "settings": {"domain": "telecom"}},
    },
    "arms": {
        "sft": {"begins": "sky", "tests_on": ["weather", "telecom"]},
        "up": {"begins": "lines", "trains": "targeted", "tests_on": ["weather", "telecom"]},
    },
    "comparisons": [{"arm": "up", "against": "sft"}],
}


def test_an_arm_that_is_tested_on_several_domains_is_an_arm_on_each() -> None:
    found = study(**TWO)
    assert {arm: found.domain_of(arm) for arm in found.arms} == {
        "sft": "weather",
        "sft-on-telecom": "telecom",
        "up": "telecom",
        "up-on-weather": "weather",
    }
    assert found.trained_as("up-on-weather") == "up"
    pairs = [(one.arm, one.against) for one in found.comparisons]
    assert pairs == [("up", "sft-on-telecom"), ("up-on-weather", "sft")]
    assert parse_study(found.plain(), "study.json") == found


def test_each_start_is_run_before_its_arms_and_after_the_start_whose_sft_it_has() -> None:
    found = study(**TWO)
    assert names(found.turns(seeds=[0], arms=["up-on-weather"])) == [
        "sky0", "lines0", "up0", "up-on-weather0",
    ]  # fmt: skip
    timed = [turn.arm for turn in found.turns(seeds=[0]) if found.is_timed(turn)]
    assert timed == ["sky"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"starts": {"a": {"sft_of": "b"}, "b": {}}}, "which comes later"),
        ({"arms": {"sft": {"begins": "moon"}}}, "no start 'moon'"),
        ({"arms": {"sky": {"begins": "sky"}}}, "as a start is"),
        ({"arms": {"sft": {"begins": "sky", "tests_on": "telecom"}}}, "not a list of names"),
        ({"arms": {"sft": {"begins": "sky", "start": "after"}}}, "after another one"),
        (
            {"arms": {"sft": {"begins": "sky"}, "b": {"begins": "lines", "after": "sft"}}},
            "begins from another start",
        ),
    ],
)
def test_starts_that_fit_no_arm_are_refused(changed: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        study(**{**TWO, "comparisons": [], **changed})
