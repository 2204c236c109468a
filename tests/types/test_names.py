"""Names of arms, evaluations and stations: what is built is parsed again."""

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.types.names import ArmName, ControlKind, EvaluationName, StationName

ARMS = [ArmName.BASE, ArmName.SFT, ArmName.POLICY, ArmName.targeted(3)]
ARMS += [ArmName.control("generic", 12), ArmName.control("oracle", 1)]
SPLITS = ["train", "validation", "test"]


@pytest.mark.parametrize("arm", [*ARMS, ArmName.targeted(2).at_step(40)])
@pytest.mark.parametrize("split", SPLITS)
def test_an_evaluation_gives_back_its_arm_and_split(arm: ArmName, split) -> None:
    name = EvaluationName.of(arm, split)
    assert (name.arm, name.on_split) == (arm, split)
    assert StationName.evaluate(arm, split).evaluation == name


@given(st.integers(min_value=1, max_value=10**6))
def test_arms_of_a_round_know_their_kind_and_round(number: int) -> None:
    targeted = ArmName.targeted(number)
    assert (targeted.kind, targeted.round, targeted.step) == ("rl", number, 0)
    for kind in get_args(ControlKind):
        control = ArmName.control(kind, number)
        assert (control.kind, control.round) == (kind, number)
        assert (control.warm.kind, control.warm.round) == ("warm", 0)
    assert ArmName.studied(number + 1) == targeted
    kept = targeted.at_step(number)
    assert (kept.kind, kept.step, kept.round) == ("step", number, 0)


def test_the_first_round_studies_sft() -> None:
    assert ArmName.studied(1) == ArmName.SFT == "sft"


@pytest.mark.parametrize("name", ["rl-", "rl-x", "generic", "rl-1-2", "nope"])
def test_what_is_no_arm_of_a_round_is_its_own_kind(name: str) -> None:
    assert (ArmName(name).kind, ArmName(name).round) == (name, 0)


@pytest.mark.parametrize("name", ["", "sft", "sft-tests", "test"])
def test_what_is_no_evaluation_has_no_split_or_no_arm(name: str) -> None:
    found = EvaluationName(name)
    assert found.on_split is None or not found.arm


def test_stations_know_what_is_done() -> None:
    stations = {
        "base": StationName.BASE,
        "train": StationName.train(ArmName.SFT),
        "discover": StationName.discover(1),
        "inject": StationName.inject(2),
        "evaluate": StationName.evaluate("rl-1", "test"),
    }
    assert all(station.kind == kind for kind, station in stations.items())
    assert StationName.train(ArmName.targeted(1)) == "train rl-1"
    assert StationName.discover(1).evaluation is None


def test_names_are_text_in_files() -> None:
    assert json.dumps([ArmName.targeted(1), StationName.inject(1)]) == '["rl-1", "inject 1"]'
