"""Numbers and their nouns: one and many, counts in place of percent of few, reasons of faults."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.protocols import Event
from harness.report.html import to_html
from harness.report.progress import Progress
from harness.runtime.counting import counted
from tests.report.conftest import Page, arm, printed

KINDS = {"fault_kinds": {"agent_fault": 4}}
Document = dict[str, Any]

ROOT = Path(__file__).parents[2]
NOUNS = re.compile(
    r" (?:\w+ )?(?:patterns|tasks|failures|rollouts|conversations|messages|faults|groups|tools|"
    r"lines|candidates|rounds|arms|seeds|calls|trials|turns|errors)\b"
)


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "pattern", "1 pattern"),
        (0, "pattern", "0 patterns"),
        (2, "more message", "2 more messages"),
        (3, "success", "3 successes"),
        (12_000, "box", "12,000 boxes"),
    ],
)
def test_a_number_has_its_noun_in_singular_or_plural(number: int, noun: str, words: str) -> None:
    assert counted(number, noun) == words


def told_without_care(path: Path) -> Iterator[str]:
    """Values in f-strings that a plural follows, but for "N of M tasks"."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.JoinedStr):
            continue
        texts = [p.value if isinstance(p, ast.Constant) else "" for p in node.values]
        for at, text in enumerate(texts[1:], start=1):
            value, before = node.values[at - 1], texts[at - 2] if at > 1 else ""
            is_count = isinstance(value, ast.FormattedValue) and not str(before).endswith("of ")
            is_count &= "%" not in ast.unparse(value)
            if is_count and NOUNS.match(str(text)) and "kind" not in ast.unparse(value):
                yield f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(value)}{text}"


@pytest.mark.parametrize("room", ["harness/report", "harness/cli"])
def test_what_users_read_says_one_pattern_and_two_patterns(room: str) -> None:
    found = [one for path in (ROOT / room).rglob("*.py") for one in told_without_care(path)]
    assert not found, "use harness.runtime.counting.counted"


def test_shares_of_few_failures_are_counts(document: Document) -> None:
    [pattern, *_] = document["patterns"]
    pattern["rounds"] = [{"round": 1, "count": 1, "share": 0.5}]
    lines = printed(document).partition("Error patterns")[2].splitlines()
    line = next(x for x in lines if x.startswith(pattern["name"]))
    assert "1 of 2" in line
    assert "50%" not in line
    assert "1 of 2" in Page(to_html(document)).text


def test_faults_are_told_with_what_most_of_them_said(document: Document) -> None:
    said = {"the policy made no turn": 3}
    document["arms"] = [arm("policy", [100.0], faults=4, **KINDS, fault_said=said)]
    for text in (printed(document), Page(to_html(document)).text):
        assert "policy, 3 of them: the policy made no turn" in text
        assert "Most conversations" not in text


def test_a_result_of_few_conversations_among_many_faults_is_warned_of(document: Document) -> None:
    few = {"tasks": 10, "trials": 2, "faults": 18, **KINDS}
    document["arms"] = [arm("policy", [100.0], fault_said={"no turn": 18}, **few)]
    for text in (printed(document), Page(to_html(document)).text):
        words = "Most conversations of policy are faults: its Pass^k is of 2 conversations alone."
        assert words in " ".join(text.split())


def test_conversations_on_train_tasks_are_not_called_validation(document: Document) -> None:
    document["validation"] = [arm("policy", [50.0], split="train")]
    for text in (printed(document), Page(to_html(document)).text):
        assert "Train tasks" in text
        assert "where failures are read from" not in text


def test_rollouts_are_not_counted_against_a_number_of_tasks() -> None:
    progress = Progress(began=0.0)
    started = {"station": "inject 1", "unit": "tasks", "total": 12}
    progress.take(Event(name="station_started", data=started), 0.0)
    done = {"station": "inject 1", "done": 241, "success": 100, "ended": "user_stop"}
    station = progress.take(Event(name="rollout_finished", data=done), 1.0)
    assert station is not None
    assert station.status(1.0)[0] == "241 rollouts"
