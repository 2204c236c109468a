"""The plugin guide against the code: a heading per hook with its type, and examples that run."""

from __future__ import annotations

import re
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from harness import hookspecs, protocols
from harness.protocols import Domain, Settings
from harness.types import Grade, Message, Task, Trajectory

GUIDE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text(encoding="utf-8")
HOOKS = [name for name in vars(hookspecs) if name.startswith("harness_")]
EXAMPLES = re.findall(r"```python\n(.*?)```", GUIDE, flags=re.DOTALL)


def product(hook: str) -> str:
    """The protocol that the hook's factories make, by name."""
    returned = getattr(hookspecs, hook).__annotations__["return"]
    found = re.search(r"Factory\[(\w+)\]", returned)
    assert found
    return found[1]


def section(hook: str) -> str:
    text = GUIDE.partition(f"### `{hook}()")[2]
    return re.split(r"^##", text, flags=re.MULTILINE)[0]


def example(word: str) -> ModuleType:
    """The first example that contains the word, run."""
    module = ModuleType("example")
    text = next(text for text in EXAMPLES if word in text)
    exec(compile(text, "docs/plugins.md", "exec", dont_inherit=True), module.__dict__)
    return module


@pytest.mark.parametrize("hook", HOOKS)
def test_each_hook_has_a_heading_with_its_type(hook: str) -> None:
    assert f"### `{hook}() -> Mapping[str, Factory[{product(hook)}]]`\n" in GUIDE


@pytest.mark.parametrize("hook", HOOKS)
def test_each_section_speaks_of_all_that_the_product_must_have(hook: str) -> None:
    protocol = getattr(protocols, product(hook))
    methods = {k for k, v in vars(protocol).items() if isinstance(v, FunctionType) and k[0] != "_"}
    attributes = set(protocol.__annotations__)
    for name in methods | attributes:
        assert re.search(rf"`{name}[`(]", section(hook)), f"{hook}: {name} is not explained"


def test_no_heading_speaks_of_a_hook_that_does_not_exist() -> None:
    assert re.findall(r"^### `(harness_\w+)", GUIDE, flags=re.MULTILINE) == HOOKS


def test_settings_are_explained_field_by_field() -> None:
    for field in Settings.__dataclass_fields__:
        assert f"| `{field}` |" in GUIDE


def test_all_examples_compile() -> None:
    assert len(EXAMPLES) >= 4
    for text in EXAMPLES:
        compile(text, "docs/plugins.md", "exec")


def test_the_reward_term_of_the_guide_works() -> None:
    term = example("def politeness").politeness(Settings())
    said = ("Hello.", "Thank you, one moment please.")
    trajectory = Trajectory(
        id="t",
        task_id="lamp",
        trial=0,
        policy="p",
        seed=0,
        messages=tuple(Message(role="assistant", content=text) for text in said),
        ended="user_stop",
    )
    score = term(trajectory, Grade(success=True), lamp_task())
    assert (score.name, score.value, score.note) == ("politeness", 0.5, "1 of 2 messages")


def lamp() -> Domain:
    domain = example("class Lamp").Lamp()
    assert isinstance(domain, Domain)
    return domain


def lamp_task() -> Task:
    return lamp().tasks("test")[0]


def test_the_domain_of_the_guide_is_solved_by_its_own_default_solver() -> None:
    domain, task = lamp(), lamp_task()
    world = domain.open(task)
    for group in domain.solve(task) or ():
        for call in group:
            assert not world.call(call).is_error
    trajectory = Trajectory(
        id="t", task_id=task.id, trial=0, policy="p", seed=0, messages=(), ended="user_stop"
    )
    assert domain.grade(task, world, trajectory).success
    assert not domain.grade(task, domain.open(task), trajectory).success


def test_the_checks_of_the_guide_hold_for_its_own_examples() -> None:
    checks = example("def test_the_lamp_keeps_to_the_contract")
    checks.Lamp = example("class Lamp").Lamp
    checks.politeness = example("def politeness").politeness
    checks.test_the_lamp_keeps_to_the_contract()
    checks.test_politeness_keeps_to_the_contract()
