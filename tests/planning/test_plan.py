"""What a recipe needs, takes and lacks."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.assembly.config import load_config
from harness.cli import app
from harness.errors import ConfigError, UnknownName
from harness.planning import checks
from harness.planning.checks import satisfied
from harness.planning.estimate import memory
from harness.planning.plan import plan
from harness.planning.recipes import RECIPES, read_recipe, recipe_names


def changed(tmp_path: Path, name: str, *pairs: tuple[str, str]) -> str:
    """A copy of a recipe with other text in some places."""
    text = (RECIPES / f"{name}.toml").read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "mine.toml"
    file.write_text(text)
    return str(file)


def rows(found: Any) -> dict[str, str]:
    return {row["check"]: row["state"] for row in found["checks"]}


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_is_a_configuration_that_resolves_and_fits_its_own_machine(name: str) -> None:
    found: Any = plan(name)
    states = rows(found)
    assert not [check for check in states if check.startswith("memory") and states[check] != "good"]
    plugins = ("domain", "policy", "trainer", "executor", "reward")
    assert {states[check] for check in states if check.startswith(plugins)} == {"good"}
    assert found["sources"]
    assert found["expected"]["hours"] > 0
    assert load_config(file=read_recipe(name).file).policy == found["settings"]["policy"]


def test_what_is_missing_is_named_and_the_command_ends_with_1(monkeypatch: Any) -> None:
    monkeypatch.setattr(checks, "gpu_memories", lambda: [79.6] * 4)
    said = CliRunner().invoke(app, ["plan", "qwen3-30b-a3b-lora-8x80", "--json"])
    found = json.loads(said.stdout)
    assert said.exit_code == 1
    assert "GPUs" in found["missing"]
    assert "server of tinker at 127.0.0.1:8000" in found["missing"]
    assert rows(found)["trainer tinker-grpo"] == "good"


def test_enough_gpus_and_a_server_that_listens_are_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "gpu_memories", lambda: [79.6])
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        file = changed(tmp_path, "qwen3-4b-1x80", ("127.0.0.1:8000", f"127.0.0.1:{port}"))
        states = rows(plan(file))
    assert states["GPUs"] == "good"
    assert states[f"server of tinker at 127.0.0.1:{port}"] == "good"
    assert states["folder models/Qwen3-4B"] == "missing"


def test_keys_and_values_are_96_kib_a_token_and_weights_are_split() -> None:
    recipe = read_recipe("qwen3-30b-a3b-lora-8x80")
    assert recipe.needs.model.kv_bytes == 96 * 1024
    sizes = {row["what"]: row["gib"] for row in memory(recipe)}
    assert sizes["trainer: weights"] == round(30.5e9 * 2 / 2**30 / 4, 1)
    assert sizes["sampler: weights"] == round(30.5e9 * 2 / 2**30 / 2, 1)
    assert sizes["sampler: keys and values"] == round(60 * 12000 * 96 / 2**20 / 2, 1)


def test_rollouts_and_hours_are_those_of_the_settings(tmp_path: Path) -> None:
    found: Any = plan("smollm2-cpu")
    parts = {row["part"]: row for row in found["expected"]["parts"]}
    assert parts["reinforcement, 2 arms"]["rollouts"] == 10 * 4 * 4 * 2
    assert parts["evaluate base on test"]["hours"] == round(200 * 600 / 100 / 3600, 2)
    assert found["expected"]["rollouts"] == sum(row["rollouts"] for row in parts.values())
    twice = changed(tmp_path, "smollm2-cpu", ("max_steps = 10", "max_steps = 20"))
    again: Any = plan(twice)
    parts = {row["part"]: row for row in again["expected"]["parts"]}
    assert parts["reinforcement, 2 arms"]["rollouts"] == 20 * 4 * 4 * 2


def test_a_chat_model_as_user_costs_by_the_price_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "test-key-0123456789")
    line = 'simulator = "claude:claude-haiku-4-5"\npolicy = "smollm2"'
    found: Any = plan(changed(tmp_path, "smollm2-cpu", ('policy = "smollm2"', line)))
    sampled = sum(row["rollouts"] for row in found["expected"]["parts"] if row["sampled"])
    expected = sampled * (6000 * 1.0 + 300 * 5.0) / 1e6
    assert found["expected"]["dollars"] == pytest.approx(expected, abs=0.01)
    unknown = 'simulator = "claude:claude-next"\npolicy = "smollm2"'
    other: Any = plan(changed(tmp_path, "smollm2-cpu", ('policy = "smollm2"', unknown)))
    assert other["expected"]["dollars"] is None
    assert other["expected"]["without_price"] == ["claude:claude-next"]


def test_a_recipe_that_does_not_fit_is_said_to(tmp_path: Path) -> None:
    crowded = changed(tmp_path, "qwen3-4b-1x80", ("at_once = 32", "at_once = 64"))
    assert rows(plan(crowded))["memory of trainer and sampler in turns"] == "missing"


@pytest.mark.parametrize(
    ("found", "bounds", "holds"),
    [
        ("0.24.1", ">=0.16,<=0.24.1", True),
        ("0.25.0", ">=0.16,<=0.24.1", False),
        ("0.15.9", ">=0.16", False),
        ("2.13.0+cpu", ">=2.13,<2.14", True),
        ("2.14", "<2.14", False),
        ("1.4.2", "~=1.4", True),
        ("2.0", "~=1.4", False),
        ("3.0", "", True),
    ],
)
def test_versions_are_compared_by_their_numbers(found: str, bounds: str, holds: bool) -> None:
    assert satisfied(found, bounds) is holds


def test_a_misspelt_recipe_and_a_file_that_is_none_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UnknownName) as caught:
        plan("smollm-cpu")
    assert "smollm2-cpu" in caught.value.hint
    file = tmp_path / "plain.toml"
    file.write_text('preset = "quick"\n')
    with pytest.raises(ConfigError, match="no table"):
        plan(str(file))
    wrong = changed(tmp_path, "smollm2-cpu", ("layers = 30", "layer = 30"))
    with pytest.raises(ConfigError, match="layer"):
        plan(wrong)


def test_without_a_name_recipes_are_listed() -> None:
    said = CliRunner().invoke(app, ["plan", "--json"])
    assert [row["recipe"] for row in json.loads(said.stdout)] == recipe_names()
    assert said.exit_code == 0
