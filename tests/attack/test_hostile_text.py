"""Text of others draws on no terminal, runs in no page, and breaks no picture: a run folder, a file
of results and a study file, opened by every command that reads them.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import socket
import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from harness import loop
from harness.assembly.config import load_config
from harness.assembly.opening import Needs, begin_run
from harness.llm.roles import open_registry
from harness.report.markdown import code, plain
from harness.report.study.page_files import write_page
from harness.runtime.foreign_text import clean, json_text, visible
from harness.study.packing import packed, unpacked
from harness.study.results_file import read_results

ROOT = Path(__file__).parents[2]

Command = Callable[..., Any]

CONTROLS = (
    "\x1b[2J\x1b]0;owned\x07\x1b[31m\x00\x08\x7f\x9b31m\x90q\u202eevil\u202c\u2066\u200b\ufeff"
    "\u2028\U000e0041"
)
HOSTILE = (
    CONTROLS + "<script>alert(1)</script><img src=x onerror=alert(2)>[a](javascript:alert(3))"
    "[bold]b[/bold][/nonsense][link=javascript:alert(4)]c[/link]|`d`*e*_f_~~g~~&lt;h\\|i"
)

KEPT = frozenset({
    "split", "role", "ended", "requestor", "blame", "severity", "domain", "evaluation", "preset",
    "world", "outcome", "data_version", "station", "kind_of",
})  # fmt: skip
"""Fields whose words have a meaning; text of another kind in them is refused as a whole."""

NAMED = frozenset({"families", "kinds", "reasons"})
"""Tables whose names come from outside."""


def hostile(value: Any, name: str = "") -> Any:
    """The value with hostile text around each text in it, the same around the same."""
    if isinstance(value, str):
        return value if name in KEPT else f"{value}{HOSTILE}"
    if isinstance(value, list):
        return [hostile(part, name) for part in value]
    if isinstance(value, dict):
        if name in KEPT:
            return value
        renamed = name in NAMED
        return {key + HOSTILE * renamed: hostile(part, key) for key, part in value.items()}
    return value


def offences(text: str) -> list[str]:
    """The characters that no reader sees but a terminal does, as escapes."""
    bad = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    found = {c for c in text if c not in "\n\t" and unicodedata.category(c) in bad}
    return sorted(map(ascii, found))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with conversations, diagnoses, patterns and targeted tasks."""
    flags = {"preset": "quick", "policy": "noisy:0.9", "targeted_tasks": 3}
    sizes = {"validation_tasks": 14, "validation_trials": 1, "test_tasks": 1}
    folder = tmp_path_factory.mktemp("made") / "run"
    needs = Needs(splits=["validation"], training=False)
    config = load_config(flags={**flags, **sizes})
    with begin_run(config, needs, open_registry(), folder) as (parts, store):
        loop.evaluate_once(parts, store, "validation")
        loop.discover(parts, store, 1, "policy-validation")
        loop.inject(parts, store, 1)
        loop.write_report(parts, store, complete=True)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """The same after a stranger had it."""
    folder = Path(shutil.copytree(made, tmp_path / "theirs"))
    for path in folder.rglob("*.json*"):
        if path.name in ("config.json",) or path.parent.name == "done":
            continue
        text = path.read_text()
        rows = text.splitlines() if path.suffix == ".jsonl" else [text]
        indent = None if path.suffix == ".jsonl" else 2
        changed = [json.dumps(hostile(json.loads(row)), indent=indent) for row in rows]
        path.write_text("".join(line + "\n" for line in changed))
    return folder


@pytest.fixture
def nothing_leaves(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Where anybody tried to connect to."""
    tried: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    return tried


READING = (
    ("report", "RUN"), ("report", "RUN", "--json"), ("tasks", "RUN"), ("tasks", "RUN", "--json"),
    ("tasks", "RUN", "TASK"), ("tasks", "RUN", "TASK", "--json"), ("tasks", "RUN", "nonsense"),
    ("why", "FAILURE", "RUN"), ("why", "FAILURE", "RUN", "--json"), ("why", "PATTERN", "RUN"),
    ("why", "TASK", "RUN"), ("why", "nonsense", "RUN"), ("rescore", "RUN"),
    ("rescore", "RUN", "--json"), ("export", "RUN", "--format", "tau2"),
    ("export", "RUN", "--format", "nonsense"), ("ablate", "RUN"), ("ablate", "RUN", "--json"),
    ("discover", "RUN"), ("discover", "RUN", "--json"), ("discover", "RUN", "RUN"),
    ("eval", "--resume", "RUN"), ("loop", "--resume", "RUN", "--dry-run"),
    ("tasks", "RUN", "--format", "tau2-tasks"),
    ("report", "RUN", "--html", "p.html", "--svg", "p.svg"),
)  # fmt: skip


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_no_command_that_reads_a_run_lets_text_of_it_act(
    command: Command, run: Path, tmp_path: Path, nothing_leaves: list[Any], words: tuple[str, ...]
) -> None:
    ids = {
        "RUN": run,
        "TASK": first(run / "rounds/1/tasks.jsonl", "id"),
        "FAILURE": first(run / "rounds/1/diagnoses.jsonl", "trajectory_id"),
        "PATTERN": first(run / "rounds/1/patterns.jsonl", "id"),
    }
    home = tmp_path / "home"
    home.mkdir()
    (home / ".bashrc").write_text("mine")
    done = command(*(ids.get(word, word) for word in words))
    may_fail = "nonsense" in words or words[0] in ("rescore", "ablate", "discover")
    assert done.status <= may_fail, done.err
    assert "Traceback" not in done.err
    assert offences(done.out + done.err) == []
    if "--json" in words and done.status == 0:
        rows = done.out.splitlines() if words[0] == "rescore" else [done.out]
        assert all(json.loads(row) is not None for row in rows)
    assert nothing_leaves == []
    assert [p.name for p in home.rglob("*")] == [".bashrc"]
    for page in Path().glob("p.*"):
        check_page(page.read_text(), is_picture=page.suffix == ".svg")
    for picture in run.rglob("*.svg"):
        check_page(picture.read_text(), is_picture=True)


def first(file: Path, field: str) -> str:
    """The beginning of an id, before the hostile text."""
    return str(json.loads(file.read_text().splitlines()[0])[field])[:12]


SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script>", re.DOTALL)


def check_page(text: str, *, is_picture: bool) -> None:
    """No element of a page but its own script, which the page names by its digest, and its data."""
    assert offences(text) == []
    for attributes, body in [] if is_picture else SCRIPT.findall(text):
        if 'type="module"' in attributes:
            digest = b64encode(sha256(body.encode()).digest()).decode()
            assert f"script-src 'sha256-{digest}'" in html.unescape(text.partition("<style")[0])
        else:
            assert re.search(r'type="application/(json|octet-stream)"', attributes)
    text = text if is_picture else SCRIPT.sub("", text)
    assert not re.search(r"<script|<img|<iframe|\son\w+=\"", text)
    assert not re.search(r"(href|src|xlink:href)=\"(?!#)", text)
    if is_picture:
        ElementTree.fromstring(text)


def test_what_is_read_shows_its_words(command: Command, run: Path) -> None:
    """Cleaned is not left out."""
    task = first(run / "rounds/1/tasks.jsonl", "id")
    shown = command("tasks", run, task).out
    assert task in shown
    assert "<script>alert(1)</script>" in shown
    assert "[bold]b[/bold][/nonsense]" in shown


ERRORS = (
    {"policy": f"nobody{HOSTILE}"}, {"domain": f"nowhere{HOSTILE}"}, {f"key{HOSTILE}": 1},
    {"preset": f"big{HOSTILE}", "rounds": f"x{HOSTILE}"}, {"rewards": {HOSTILE: 1.0}},
    {"options": {"noisy": {HOSTILE: "x"}}}, {"judge": f"openai:{HOSTILE}"},
)  # fmt: skip


@pytest.mark.parametrize("settings", ERRORS, ids=lambda s: next(iter(s))[:8])
def test_errors_about_settings_of_others_are_clean(
    command: Command, run: Path, settings: dict[str, Any]
) -> None:
    """Discovery makes no policy, whose options these are, and finds nothing in such folders."""
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps({**config, **settings}))
    for words in (("discover", run, "--again"), ("loop", "--resume", run), ("inject", run)):
        done = command(*words)
        assert done.status == (0 if words[0] == "discover" and "options" in settings else 1)
        assert "Traceback" not in done.err
        assert offences(done.out + done.err) == []


@pytest.mark.parametrize("text", [HOSTILE, f'{{"simulations": "{CONTROLS}"}}', f"[{CONTROLS}"])
def test_errors_about_files_of_others_are_clean(command: Command, text: str) -> None:
    file = Path(f"re\u202esults{CONTROLS[:4]}.json")
    file.write_text(text)
    for words in (
        ("import", "tau2", file), ("rescore", file), ("discover", file), ("study", "report", file),
        ("study", "run", file, "--out", "s"), ("study", "merge", file, "--out", "m.json"),
        ("loop", "--config", file), ("report", file), ("why", HOSTILE.replace("\0", ""), file),
    ):  # fmt: skip
        done = command(*words)
        assert done.status == 1
        assert "Traceback" not in done.err
        assert offences(done.out + done.err) == []


# --- a study ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of a study after a stranger had them."""
    known: Any = unpacked(json.loads((ROOT / "docs" / "results-test-mix.json").read_text()), "docs")
    study, rows = known["study"], [row for row in known["rows"] if row["seed"] in (0, 1)]
    arms = {name: {**arm, "label": f"{name}{HOSTILE}"} for name, arm in study["arms"].items()}
    expected = [{**one, "says": f"it is so{HOSTILE}"} for one in study["expectations"]]
    study |= {
        "title": f"Theirs{HOSTILE}",
        "arms": arms,
        "expectations": expected,
        "published_from": HOSTILE,
        "resamples": 20,
        "seeds": [0, 1],
    }
    rows = [dict(_hostile_row(row)) for row in rows]
    rows = [row for row in rows if (row["seed"], row["arm"]) != (1, "base")]
    rows.append({"seed": 1, "arm": "base", "void": HOSTILE, "seconds": {}})
    file = tmp_path_factory.mktemp("study") / "results.json"
    file.write_text(packed(study, rows))
    return file


def _hostile_row(row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if name in ("patterns", "trained_on", "checkpoint"):
            yield name, hostile(value)
        elif name in ("tags", "kinds", "blame"):
            yield name, {f"{key}{HOSTILE}": part for key, part in value.items()}
        elif name == "shifts":
            yield name, [{**shift, "verdict": HOSTILE} for shift in value]
        else:
            yield name, value


def test_a_page_of_results_of_others_holds_their_words_and_no_markup(
    results: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    pictures = write_page(read_results(results), results, page)
    text = page.read_text()
    assert "alert(1)" in text
    assert offences(text) == []
    outside_code = re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"(?<!\\)<", outside_code)
    assert not re.search(r"(?<!\\)\]\(javascript", outside_code)
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert len(tables) > 5
    for lines in tables:
        assert len({len(re.split(r"(?<!\\)\|", line)) for line in lines.splitlines()}) == 1
    assert len(pictures) > 3
    for picture in pictures:
        check_page(picture.read_text(), is_picture=True)


@pytest.mark.parametrize("words", [("report",), ("report", "--json"), ("merge", "--out", "m.json")])
def test_no_command_that_reads_results_lets_text_of_them_act(
    command: Command, results: Path, nothing_leaves: list[Any], words: tuple[str, ...]
) -> None:
    done = command("study", words[0], results, *words[1:])
    assert done.status == 0, done.err
    assert offences(done.out + done.err) == []
    assert nothing_leaves == []


def test_a_study_file_of_others_is_shown_clean(command: Command) -> None:
    file = Path("theirs.toml")
    title = json.dumps(f"Theirs{HOSTILE}", ensure_ascii=False).replace("\x7f", "\\u007f")
    file.write_text(f'title = {title}\nseeds = [0]\n[settings]\npreset = "quick"\n[arms.sft]\n')
    for words in ((), ("--json",)):
        done = command("study", "run", file, "--out", "study", "--dry-run", *words)
        assert done.status == 0, done.err
        assert offences(done.out + done.err) == []
    assert not Path("study").exists()


# --- the function -----------------------------------------------------------------------------


def test_every_character_is_visible_or_gone() -> None:
    every = "".join(map(chr, [*range(0x3100), *range(0xD7F0, 0x11100), *range(0xE0000, 0xE0200)]))
    assert offences(visible(every)) == []
    assert offences(clean(every, 10**7)) == []
    assert offences(json_text(every)) == []
    assert json.loads(json_text(CONTROLS)) == CONTROLS


def test_text_in_markdown_shows_what_it_says() -> None:
    assert plain("a|b <c> [d](e) `f` *g* h_i _j_ \\k & ~l~") == (
        r"a\|b &lt;c&gt; \[d\](e) \`f\` \*g\* h_i \_j\_ \\k &amp; \~l\~"
    )
    assert code("a`b|c\nd") == "`a'b\\|c d`"
    assert plain(plain("<")) == "&lt;"
