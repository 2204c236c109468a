"""Every command that a page shows is run here, or has the reason why not. Benchmarks and targets of
make take long: of them names and flags are checked, and tests/benchmarks runs them small.
"""

import re
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main

Cli = Callable[..., Any]

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
SHOWN = re.compile(r"^ +(?:[A-Z_]+=\S+ )*(harness [a-z].*?)\s*(?:#.*)?$", re.MULTILINE)
BENCHMARK = re.compile(r"python3? (benchmarks/\w+\.py)([^`\n]*)")
MAKE = re.compile(r"^ +make ([a-z-]+)", re.MULTILINE)

RUN, DRY = "run", "run with --dry-run"
KEY = "asks a chat model, which needs a key and costs money; tests/llm has servers that answer"
SERVER = "needs a server or a cluster; tests/plugins has small ones"
LONG = "takes minutes to hours; tests/e2e and tests/cli run it smaller"
STUDY = "needs studies that are done; tests/study has some"
FILE = "reads a file that the reader brings; tests/interchange and tests/domains have some"
OWN = "needs the plugin that the page has the reader write; tests/thirdparty is one"
STAYS = "serves until it is stopped; tests of its own start and stop it"
ELSEWHERE = "has its own tests, with a distribution or conversations to work on"
COOKBOOK = "builds on the recipe before; tests/test_cookbook.py runs them all"
PAGE_OF_ITS_OWN = "builds on the commands above it; tests/test_first_domain.py runs all of them"
CUT = "is shown in part: the page says what follows"

RULES = (
    (r"kitchen/", COOKBOOK),
    (r"eval --policy openai|--option |claude|gemini|openai:|simulator openai", KEY),
    (r"loop --config|loop --domain retail --config|vllm|tinker", SERVER),
    (r"--domain (lamp|weather|my_library)|politeness|--judge twice", OWN),
    (r"--domain library|inject mine|(discover|tasks) mine", PAGE_OF_ITS_OWN),
    (r"…|\\$", CUT),
    (
        r"import |discover .*json|compare last|rescore|theirs|results\.json --out RUN|submission",
        FILE,
    ),
    (r"study (merge|report)", STUDY),
    (r"^harness (view|serve-domain) ", STAYS),
    (r"^harness (check|domain|new) ", ELSEWHERE),
    (r"study run|ablate|probe|loop --resume|inject RUN|--veto", LONG),
    (r"^harness (loop|eval|sft) ", DRY),
    (r"^harness (plugins|hooks|doctor|plan|rewards)", RUN),
    (r"^harness (report|show|compare|discover|tasks|why|export) .*RUN", RUN),
)
"""The first that fits decides."""


def shown() -> list[str]:
    """Commands without what is said of them, each once."""
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    found = [command for text in texts for command in SHOWN.findall(text)]
    return sorted({" ".join(command.split()) for command in found})


def rule_of(command: str) -> str:
    return next((why for fits, why in RULES if re.search(fits, command)), "")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the arms that pages speak of, all with the same conversations."""
    folder = tmp_path_factory.mktemp("shown") / "RUN"
    words = ["--policy", "noisy:0.6", "--split", "validation", "--tasks", "6", "--trials", "3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", "eval", *words, "--out", str(folder)])
        with pytest.raises(SystemExit):
            main()
    for split in ("test", "train"):
        shutil.copy(folder / "tasks" / "validation.jsonl", folder / "tasks" / f"{split}.jsonl")
    for name in ("base-test", "sft-test", "sft-train", "sft-validation", "rl-1-test"):
        shutil.copytree(folder / "evals" / "policy-validation", folder / "evals" / name)
    shutil.rmtree(folder / "evals" / "policy-validation")
    shutil.rmtree(folder / "done")
    return folder


@pytest.fixture
def beside(cli: Cli, run: Path, tmp_path: Path) -> Path:
    """An empty folder with the run as RUN, discovered, with tasks, and an agent's conversations."""
    shutil.copytree(run, tmp_path / "RUN")
    assert cli("discover", "RUN").status == 0
    assert cli("inject", "RUN", "--count", 4).status == 0
    shutil.copytree(tmp_path / "RUN", tmp_path / "FOLDER")
    return tmp_path


def test_what_pages_show_of_a_run_works(cli: Cli, beside: Path) -> None:
    [pattern, *_] = cli("discover", "RUN", "--json").json["patterns"]
    [task, *_] = cli("tasks", "RUN", "--json").json["tasks"]
    [conversation, *_] = cli("show", "RUN", "--json").json["conversations"]
    ids = {"CONVERSATION": conversation["id"], "PATTERN": pattern["id"], "ID": task["id"]}
    for command in shown():
        if rule_of(command) != RUN:
            continue
        words = [ids.get(word, word) for word in shlex.split(command)[1:]]
        if "compare RUN RUN" in command:
            words[2] = "FOLDER"
        if words[0] == "export" and "--evaluation" not in words:
            words += ["--evaluation", "sft-test"]
        outcome = cli(*words)
        lacks = words[0] == "plan" and "missing: " in outcome.out  # as most machines do
        assert outcome.status == 0 or lacks, f"{command}: {outcome.err}"


def test_what_pages_have_run_could_run(cli: Cli) -> None:
    for command in shown():
        if rule_of(command) == DRY:
            words = [word for word in shlex.split(command)[1:] if word != "--dry-run"]
            outcome = cli(*words, "--dry-run")
            fine = outcome.status == 0 or "does not exist" in outcome.err or "lacks" in outcome.err
            assert fine, f"{command}: {outcome.err}"


def test_benchmarks_that_pages_show_are_there_with_the_flags_that_they_show() -> None:
    shown_ones = [
        found
        for page in (*PAGES, ROOT / "benchmarks" / "README.md")
        for found in BENCHMARK.findall(page.read_text(encoding="utf-8"))
    ]
    assert len(shown_ones) > 20
    for script, given in shown_ones:
        source = (ROOT / script).read_text(encoding="utf-8")
        shared = [
            ROOT / "benchmarks" / f"{name}.py" for name in re.findall(r"from (\w+) im", source)
        ]
        texts = [source, *(path.read_text(encoding="utf-8") for path in shared if path.exists())]
        known = {flag for text in texts for flag in re.findall(r'"(--[a-z-]+)"', text)}
        for flag in re.findall(r"--[a-z][a-z-]*", given):
            # argparse takes the beginning of a flag for the flag.
            assert any(one.startswith(flag) for one in known), f"{script}{given}: {flag}"


def test_targets_that_pages_show_are_in_the_makefile() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    shown_ones = {name for page in PAGES for name in MAKE.findall(page.read_text(encoding="utf-8"))}
    assert {"loop", "test"} <= shown_ones <= {*targets}
