from pathlib import Path

import pytest

from harness.assembly.config import LoopConfig, load_config, parse_config, read_options
from harness.errors import ConfigError
from harness.protocols import Settings
from harness_sft.options import Options as SftOptions


def test_flags_win_over_the_file_and_the_file_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("rounds = 3\nseed = 5\n[options.grpo]\nmax_steps = 2\n")
    config = load_config(preset="quick", file=file, flags={"seed": 9, "policy": None})
    assert (config.rounds, config.seed, config.policy) == (3, 9, "tiny")
    assert config.options["grpo"]["max_steps"] == 2
    assert (
        config.options["grpo"]["num_generations"]
        == load_config(preset="quick").options["grpo"]["num_generations"]
    )


def test_an_unknown_key_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("ronds = 3\n")
    with pytest.raises(ConfigError, match="unknown setting 'ronds'") as caught:
        load_config(file=file)
    assert caught.value.hint == "Did you mean 'rounds'?"


def test_a_table_for_a_plugin_that_is_not_used_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[options.grpoo]\nmax_steps = 2\n")
    with pytest.raises(ConfigError, match=r"\[options.grpoo\] is not used") as caught:
        load_config(file=file)
    assert caught.value.hint == "Did you mean 'grpo'?"


def test_tables_of_the_preset_that_are_not_used_are_left_out() -> None:
    config = load_config(flags={"trainer": "other"})
    assert "grpo" not in config.options


@pytest.mark.parametrize(
    ("key", "value"), [("rounds", "many"), ("restart", "never"), ("control", 3)]
)
def test_a_value_of_the_wrong_type_is_an_error_that_shows_it(key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=rf"setting '{key}'.*{value}"):
        load_config(flags={key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [("test_tasks", 0), ("rounds", -1), ("replay_decay", 1.5), ("temperature", -0.1)],
)
def test_a_number_out_of_bounds_is_an_error_that_shows_it(key: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"'{key}'.* (greater|less) than .*found {value}"):
        load_config(flags={key: value})


def test_a_file_that_is_not_toml_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("rounds = [")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(file=file)
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(file=tmp_path / "missing.toml")


@pytest.mark.parametrize(("flag", "used"), [(None, "quick"), ("default", "default")])
def test_a_preset_on_the_command_line_wins_over_one_in_the_file(
    tmp_path: Path, flag: str | None, used: str
) -> None:
    file = tmp_path / "run.toml"
    file.write_text('preset = "quick"\n')
    config = load_config(preset=flag, file=file)
    assert config.preset == used
    assert config.test_tasks == load_config(preset=used).test_tasks


def test_an_unknown_preset_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no preset is called 'quikc'") as caught:
        load_config(preset="quikc")
    assert "quick" in caught.value.hint


def test_the_saved_configuration_comes_back_equal() -> None:
    config = load_config(preset="quick", flags={"rewards": {"length": 0.0}})
    assert parse_config(config.plain()) == config
    assert config.rewards["length"] == 0.0
    assert config.rewards["task_success"] == 1.0


@pytest.mark.parametrize("preset", ["quick", "default", "full"])
def test_every_preset_is_a_valid_configuration(preset: str) -> None:
    config = load_config(preset=preset)
    assert isinstance(config, LoopConfig)
    assert config.preset == preset


def test_which_plugins_a_run_uses_is_said_by_the_presets_alone() -> None:
    names = ("domain", "policy", "simulator", "judge", "clusterer", "injector", "trainer")
    assert {getattr(LoopConfig(), name) for name in names} == {""}
    assert all(getattr(load_config(), name) for name in names)


@pytest.mark.parametrize("setting", ["budget_usd", "budget_tokens", "demonstrations"])
def test_none_unsets_whatever_may_be_unset(tmp_path: Path, setting: str) -> None:
    file = tmp_path / "c.toml"
    file.write_text(f'{setting} = "none"\n')
    assert getattr(load_config(file=file, flags={"domain": "x"}), setting) is None


def test_none_stays_a_word_where_a_setting_has_it(tmp_path: Path) -> None:
    assert load_config(flags={"domain": "x", "control": "none"}).control == "none"
    with pytest.raises(ConfigError, match="'rounds'"):
        load_config(flags={"domain": "x", "rounds": "none"})


def test_none_unsets_an_option_that_a_preset_has_set() -> None:
    budget = {"sft": {"cpu_seconds": "none", "max_steps": 3}}
    config = load_config(preset="quick", flags={"domain": "x", "options": budget})
    options = read_options(SftOptions, Settings(options=config.options["sft"]), name="sft")
    assert (options.cpu_seconds, options.max_steps) == (None, 3)
