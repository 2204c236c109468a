from collections.abc import Iterator, Mapping

import pytest

from harness import hookspecs
from harness.assembly import registry
from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.assembly.entry_points import PluginInfo, Plugins, discover
from harness.assembly.registry import Registry
from harness.errors import (
    ConfigError,
    NameClash,
    PluginFailed,
    RolloutFault,
    UnknownName,
    core_code,
    core_items,
    plugin_boundary,
)
from harness.protocols import Settings

hookimpl = hookspecs.hookimpl


class Given:
    """A policy and a judge that keeps what its factory was given."""

    id = "given"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def act(self, conversation: object, *, seed: int) -> None: ...

    async def diagnose(self, failure: object, domain: object) -> None: ...

    def forget(self, conversation_id: str) -> None: ...


def plugin(**hooks: Mapping[str, object]) -> object:
    """An object that offers these names, as a plugin module would."""

    class Module:
        pass

    for hook, names in hooks.items():
        setattr(Module, hook, staticmethod(hookimpl(lambda names=names: names)))
    return Module()


@pytest.fixture
def registry_of(monkeypatch: pytest.MonkeyPatch):
    """A registry of these plugins alone."""

    def build(*rows: PluginInfo, **plugins: object) -> Registry:
        found = discover([])
        for name, module in plugins.items():
            found.manager.register(module, name=name)
        both = Plugins(manager=found.manager, rows=rows)
        monkeypatch.setattr(registry, "discover", lambda: both)
        return Registry()

    return build


def test_an_offered_name_is_made_with_its_argument_and_settings(registry_of) -> None:
    offers = registry_of(one=plugin(harness_judges={"strict": Given}))
    settings = offers.make("judge", "strict:very", Settings(seed=7)).settings
    assert (settings.argument, settings.seed) == ("very", 7)


def test_one_name_for_two_kinds_is_no_clash(registry_of) -> None:
    offers = registry_of(
        one=plugin(harness_judges={"claude": Given}),
        two=plugin(harness_policies={"claude": Given}),
    )
    assert offers.plugin_of("judge", "claude") == "one"
    assert offers.plugin_of("policy", "claude") == "two"


def test_one_name_offered_twice_is_an_error_that_names_both_plugins(registry_of) -> None:
    same = {"retail": lambda settings: None}
    offers = registry_of(
        **{"a:one": plugin(harness_domains=same), "b:two": plugin(harness_domains=same)}
    )
    with pytest.raises(NameClash, match="'retail'") as clash:
        offers.find("domain", "retail")
    assert "a:one" in str(clash.value)
    assert "b:two" in str(clash.value)


def test_an_unknown_name_is_answered_with_the_known_and_the_nearest(registry_of) -> None:
    offers = registry_of(one=plugin(harness_domains={"retail": print, "weather": print}))
    with pytest.raises(UnknownName, match=r"'retial' \(known: retail, weather\)") as unknown:
        offers.find("domain", "retial")
    assert unknown.value.hint == "Did you mean 'retail'?"


def test_an_unknown_name_points_to_plugins_that_failed_to_load(registry_of) -> None:
    broken = PluginInfo(name="moon", module="m", distribution="d", version="1", error="oh")
    with pytest.raises(UnknownName, match="none installed") as unknown:
        registry_of(broken).find("judge", "strict")
    assert "moon" in unknown.value.hint


@pytest.mark.parametrize("spec", ["Qwen/Qwen3-0.6B", "runs/one/checkpoints/sft"])
def test_a_policy_that_looks_like_a_path_goes_to_path(registry_of, spec: str) -> None:
    offers = registry_of(one=plugin(harness_policies={"path": Given}))
    assert offers.make("policy", spec, Settings()).settings.argument == spec


def test_a_folder_without_a_slash_goes_to_path(registry_of, tmp_path, monkeypatch) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    offers = registry_of(one=plugin(harness_policies={"path": Given}))
    assert offers.make("policy", "model", Settings()).settings.argument == "model"


def test_paths_are_for_policies_only(registry_of) -> None:
    offers = registry_of(one=plugin(harness_policies={"path": print}))
    with pytest.raises(UnknownName):
        offers.find("judge", "some/folder")


def test_a_factory_that_raises_is_reported_with_its_plugin(registry_of) -> None:
    offers = registry_of(moon=plugin(harness_judges={"bad": lambda settings: 1 / 0}))
    with pytest.raises(
        PluginFailed, match=r"plugin moon .*judge 'bad'.*ZeroDivisionError"
    ) as error:
        offers.make("judge", "bad", Settings())
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_a_hook_that_raises_is_a_broken_row_and_the_rest_is_on_offer(registry_of) -> None:
    class Moon:
        @hookimpl
        def harness_judges(self):
            raise KeyError("phase")

    row = PluginInfo(name="moon", module="moon", distribution="space", version="1")
    good = plugin(harness_judges={"strict": lambda settings: settings})
    offers = registry_of(row, **{"space:moon": Moon(), "space:sun": good})
    assert offers.names("judge") == ["strict"]
    assert offers.plugins[0].error == "KeyError in harness_judges: 'phase'"


@pytest.mark.parametrize("error", [ConfigError("bad option"), RolloutFault("user_fault", "gone")])
def test_errors_meant_for_others_pass_the_boundary(error: Exception) -> None:
    with pytest.raises(type(error)) as passed, plugin_boundary("moon", "turn", faults=True):
        raise error
    assert passed.value is error


def test_a_fault_that_nobody_handles_names_the_plugin() -> None:
    named = "plugin moon failed in its grade: RolloutFault: gone"
    with pytest.raises(PluginFailed, match=named), plugin_boundary("moon", "grade"):
        raise RolloutFault("user_fault", "gone")


def test_what_the_core_raises_inside_a_plugin_is_not_the_plugins() -> None:
    error = KeyError("ours")

    @core_code()
    def callback() -> None:
        raise error from ValueError("why")

    with pytest.raises(KeyError) as passed, plugin_boundary("moon", "training"):
        callback()
    assert passed.value is error
    assert isinstance(error.__cause__, ValueError)


def test_items_that_the_core_makes_for_a_plugin_are_the_cores() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"), plugin_boundary("moon", "training"):
        list(core_items(items()))


def test_a_registry_that_makes_nothing_of_chat_models_says_what_a_run_needs() -> None:
    parts = Components(load_config(flags={"domain": "retail"}), Registry())
    with pytest.raises(ConfigError, match="cannot assemble a run") as error:
        parts.calls  # noqa: B018 (made when first looked at)
    assert "open_registry" in error.value.hint
