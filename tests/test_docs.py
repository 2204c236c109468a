"""The docs against the code: what the plugin guide says of hooks, and what all pages name."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import re
import tomllib
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

from harness import hookspecs, protocols, testing
from harness.assembly.config import load_config, read_options
from harness.assembly.registry import KINDS
from harness.injection import admission
from harness.llm import injector, judge_panel, providers, shared
from harness.protocols import Domain, Settings
from harness.study.spec import read_study
from harness.types import Diagnosis, Grade, Message, Task, Trajectory
from harness_asyncio import executor, forking
from harness_exports import chat, pairs
from harness_faiss import clusterer
from harness_grpo import options as grpo
from harness_local import opening
from harness_ray import options as ray_options
from harness_replay import recorded
from harness_scripted import injector as template
from harness_sft import options as sft
from harness_tau2 import submission
from harness_tinker import options as tinker_options
from harness_traces import chat_lines, inspect_logs, verifiers_results
from harness_vllm import options as vllm_options
from tests.cli.test_shown import RULES, rule_of, shown

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
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


def test_the_guide_says_which_methods_are_async_and_which_arguments_keyword_only() -> None:
    table = GUIDE.partition("| awaited |")[2].partition("\n\n")[0]
    for name in protocols.__all__:
        protocol = getattr(protocols, name)
        if not getattr(protocol, "_is_protocol", False):
            continue
        for method, member in vars(protocol).items():
            if inspect.iscoroutinefunction(member) and method[0] != "_":
                assert f"`{name}.{method}`" in table
            if method[0] == "_" or not inspect.isfunction(member):
                continue
            takes = inspect.signature(member).parameters.values()
            if keywords := [one.name for one in takes if one.kind is one.KEYWORD_ONLY]:
                assert f"`{name}.{method}(..., *, {', '.join(keywords)})`" in table


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


def test_the_wrapping_judge_of_the_guide_asks_the_judge_that_it_is_told_to() -> None:
    asked: list[tuple[str, str, Any]] = []

    class Inner:
        async def diagnose(self, episode: Any, domain: Any) -> Diagnosis:
            blame: Any = ("agent", "task")[len(asked) % 2]
            asked.append(("diagnose", episode, domain))
            return Diagnosis(
                trajectory_id="t", task_id="t", blame=blame, kind="wrong_item", summary="", turn=1
            )

    def inner(kind: Any, name: str, options: Any = None) -> Any:
        asked.append((kind, name, options))
        return Inner()

    settings: Any = Settings(options={"judge": "mine", "options": {"a": 1}}, inner=inner)
    judge = example("def twice").twice(settings)
    assert asked == [("judge", "mine", {"a": 1})]
    found = asyncio.run(judge.diagnose("episode", "domain"))
    assert found.summary.startswith("unsure: task or agent")


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


# --- all pages ------------------------------------------------------------------------------------

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES = ROOT, ROOT / "plugins", ROOT / "domains"
EXAMPLES_OF_A_STRANGER = {"harness_library", "harness_politeness"}

TOML = re.compile(r"```toml\n(.*?)```", flags=re.DOTALL)
USES: dict[str, Any] = {"policy": "tiny", "judge": "claude", "namer": "openai", "teacher": "gemini"}
"""Lets the tables of chat models be ones that the configuration uses."""

OPTIONS: dict[str, Any] = {
    "admission": admission.Options,
    "asyncio": executor.Options,
    "calls": shared.CallOptions,
    "chat": chat.ChatOptions,
    "claude": providers.Options,
    "faiss": clusterer.Options,
    "fork": forking.Options,
    "gemini": providers.Options,
    "grpo": grpo.Options,
    "injector": injector.Options,
    "judge": judge_panel.Options,
    "openai": providers.Options,
    "inspect-log": inspect_logs.Options,
    "openai-chat": chat_lines.Options,
    "pairs": pairs.PairOptions,
    "path": opening.Options,
    "ray": ray_options.Options,
    "replay": recorded.Options,
    "sft": sft.Options,
    "smollm2": opening.Options,
    "submission": submission.SubmissionOptions,
    "template": template.Options,
    "tinker": tinker_options.ServerOptions,
    "tinker-grpo": tinker_options.ReinforcementOptions,
    "tinker-sft": tinker_options.ImitationOptions,
    "tiny": opening.TinyOptions,
    "verifiers": verifiers_results.Options,
    "vllm": vllm_options.Options,
    "warm_start": sft.Options,
}


PARTS = "commands", "settings", "hooks", "values", "mistakes", "options", "events", "run-folder"
MADE = {f"reference/{name}.md" for name in PARTS}
"""Pages that the site makes from the code."""


def page(path: Path) -> str:
    return str(path.relative_to(ROOT))


def is_there(path: str) -> bool:
    return any((folder / path).exists() for folder in PACKAGES)


def exists(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.split(".")
    for end in range(len(parts), 0, -1):
        folder = "/".join(parts[:end])
        if is_there(folder) or is_there(f"{folder}.py"):
            found: object = import_module(".".join(parts[:end]))
            for name in parts[end:]:
                found = getattr(found, name, None)
            return found is not None
    return False


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_files_of_the_code_that_a_page_names_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?<![\w./~-])((?:plugins/|domains/)?harness(?:_\w+)?/[\w./-]*\w)", text)
    strangers = EXAMPLES_OF_A_STRANGER
    assert not [n for n in named if n.split("/")[0] not in strangers and not is_there(n)]


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_functions_that_a_page_names_by_their_file_exist(path: Path) -> None:
    named = re.findall(r"`([\w/]+)\.py::(\w+)`", path.read_text(encoding="utf-8"))
    dotted = [f"{file.removeprefix('plugins/').replace('/', '.')}.{name}" for file, name in named]
    assert not [name for name in dotted if not exists(name)]


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_dotted_names_of_the_code_that_a_page_has_exist(path: Path) -> None:
    named = re.findall(r"`(harness(?:_\w+)?(?:\.\w+)+)", path.read_text(encoding="utf-8"))
    assert not [name for name in named if not exists(name)]


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:\s]*)(?:#[\w-]+)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists() or link in MADE, link


def test_every_command_shown_is_run_or_says_why_not() -> None:
    assert len(shown()) > 70
    assert not [command for command in shown() if not rule_of(command)]
    used = {next(fits for fits, _ in RULES if re.search(fits, c)) for c in shown()}
    assert used == {fits for fits, _ in RULES}, "a rule that fits nothing is out of date"


def test_every_page_of_the_docs_has_its_place_on_the_site() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("nav:")[2]
    pages = {path.name for path in PAGES[1:] if not path.name.endswith("-notes.md")}
    assert not pages - set(re.findall(r"[\w-]+\.md", nav)), "add it to `nav` of mkdocs.yml"


def test_every_page_of_the_docs_is_linked_from_another() -> None:
    linked = {
        (path.parent / link).resolve()
        for path in PAGES
        for link in re.findall(r"\]\(([^)#:\s]+\.md)", path.read_text(encoding="utf-8"))
    }
    pages = {path for path in PAGES[1:] if not path.name.endswith("-notes.md")}
    assert not pages - linked


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_settings_that_a_page_shows_are_settings(path: Path, tmp_path: Path) -> None:
    for number, block in enumerate(TOML.findall(path.read_text(encoding="utf-8"))):
        table = tomllib.loads(block)
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        if "arms" in table:
            read_study(file)
        elif "project" not in table:
            load_config(flags={**USES, **table})
            for name, options in table.get("options", {}).items():
                read_options(OPTIONS[name], Settings(options=options), name=name)


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_options_that_a_page_sets_in_commands_are_options(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name, key in re.findall(r"--option (\w+)\.(\w+)=", text):
        assert key in {field.name for field in fields(OPTIONS[name])}, f"{name}.{key}"


def imported(script: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_rooms_shows_the_imports_as_they_are() -> None:
    script = ROOT / "docs" / "architecture.py"
    drawing = imported(script)
    drawn = script.with_suffix(".svg").read_text(encoding="utf-8")
    assert drawn == drawing.picture(), "`make picture-architecture` draws it anew"


def test_what_is_public_is_as_it_was_written_down() -> None:
    public = imported(ROOT / "docs" / "public.py")
    changed = public.changed(public.read(public.SNAPSHOT.read_text("utf-8")), public.snapshot())
    assert not changed, (
        "public signatures changed: add a line '- API: ...' that names them to CHANGELOG.md, "
        "then `make public-signatures` (.venv/bin/python docs/public.py)"
    )


def test_events_in_the_guide_are_those_that_observers_are_told_of() -> None:
    sent = {
        name
        for file in (ROOT / "harness").rglob("*.py")
        for name in re.findall(r'notify\(\s*"(\w+)"', file.read_text(encoding="utf-8"))
    }
    rows = section("harness_observers").partition("| event |")[2]
    assert set(re.findall(r"^\| `(\w+)`", rows, flags=re.MULTILINE)) == sent


def test_the_check_of_each_kind_is_there_and_in_the_guide() -> None:
    section = GUIDE.partition("## Testing it")[2]
    for kind in KINDS:
        check = f"check_{kind.replace(' ', '_')}"
        assert callable(getattr(testing, check))
        assert f"`{check}`" in section
