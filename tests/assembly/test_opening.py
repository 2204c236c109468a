"""Opening a run: which changes of settings stay, and which folders are left behind."""

from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.assembly.config import LoopConfig, load_config
from harness.assembly.opening import Needs, begin_run, checked, open_run
from harness.assembly.registry import Registry
from harness.errors import ConfigError, RunError, UnknownName
from harness.llm.roles import open_registry
from harness.run_folder import RunFolder
from harness.types import Json


@pytest.fixture(scope="module")
def registry() -> Registry:
    return open_registry()


@pytest.fixture
def config() -> LoopConfig:
    return load_config(preset="quick", flags={"domain": "retail", "policy": "expert"})


@pytest.fixture
def store(config: LoopConfig, tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", config.plain())


def test_a_setting_that_fits_stays(store: RunFolder, registry: Registry) -> None:
    with open_run(store, registry, {"budget_tokens": 7, "namer": None}) as parts:
        assert parts.config.budget_tokens == 7
    assert store.config["budget_tokens"] == 7


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"namer": "typo"}, UnknownName), ({"budget_tokens": -1}, ConfigError)],
)
def test_a_setting_that_is_refused_is_not_saved(
    store: RunFolder, registry: Registry, changes: dict[str, str | int], error: type[Exception]
) -> None:
    before = store.config
    with pytest.raises(error), open_run(store, registry, changes):
        pass
    assert store.config == before
    with open_run(store, registry):
        pass


def test_rounds_do_not_read_rollouts_of_a_trainer_that_makes_none(registry: Registry) -> None:
    flags = {"domain": "retail", "discover_from": "rollouts", "trainer": "sft", "rounds": 2}
    needs = Needs(splits=())
    with pytest.raises(ConfigError, match="the trainer 'sft' makes no rollouts") as caught:
        checked(load_config(preset="quick", flags=flags), needs, registry)
    assert "validation" in str(caught.value.hint)
    for fits in ({"trainer": "grpo"}, {"discover_from": "validation"}, {"rounds": 1}):
        checked(load_config(preset="quick", flags={**flags, **fits}), needs, registry)


@pytest.mark.parametrize(
    ("has", "changes"),
    [
        ({"trainer": "sft", "rounds": 1}, {"rounds": 2}),
        ({"trainer": "grpo", "rounds": 2}, {"trainer": "sft"}),
    ],
)
def test_a_trainer_without_rollouts_to_read_is_not_saved(
    registry: Registry, tmp_path: Path, has: dict[str, Json], changes: dict[str, Json]
) -> None:
    flags = {"domain": "retail", "discover_from": "rollouts", **has}
    config = load_config(preset="quick", flags=flags)
    store = RunFolder.create(tmp_path / "run", config.plain())
    before = store.config
    with (
        pytest.raises(ConfigError, match="makes no rollouts"),
        open_run(store, registry, changes),
    ):
        pass
    assert store.config == before


def test_a_setting_that_is_not_to_be_kept_is_of_this_opening_alone(
    store: RunFolder, registry: Registry
) -> None:
    before = store.config
    with open_run(store, registry, {"namer": "terms"}, keep=False) as parts:
        assert parts.config.namer == "terms"
    assert store.config == before


def test_a_resumed_run_that_fails_at_once_keeps_its_folder(
    store: RunFolder, registry: Registry
) -> None:
    with pytest.raises(RunError), open_run(store, registry):
        raise RunError("nothing works today")
    assert store.config["domain"] == "retail"


def test_a_new_run_that_fails_at_once_leaves_no_folder(
    config: LoopConfig, registry: Registry, tmp_path: Path
) -> None:
    needs = Needs(splits=(), training=False)
    with pytest.raises(RunError), begin_run(config, needs, registry, tmp_path / "new"):
        raise RunError("nothing works today")
    assert not (tmp_path / "new").exists()


def test_products_with_other_settings_count_calls_and_notify_as_before(
    config: LoopConfig, registry: Registry
) -> None:
    parts = Components(config, registry)
    fewer = parts.changed(test_trials=1)
    assert fewer.config.test_trials == 1
    assert fewer.calls is parts.calls
    assert fewer.observers is parts.observers
    assert fewer.domain is parts.domain
    assert parts.changed(budget_tokens=1).calls is not parts.calls
    assert parts.changed(domain="tau2-retail").domain is not parts.domain
