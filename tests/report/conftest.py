"""A report document with all its parts, and its forms as text."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from harness.report import render

Document = dict[str, Any]


def arm(name: str, values: list[float], **more: Any) -> Document:
    passes = {
        str(k): {"value": v, "low": v - 7.8, "high": v + 7.2} for k, v in enumerate(values, 1)
    }
    return {
        "name": name,
        "split": "test",
        "tasks": 40,
        "trials": 4,
        "pass": passes,
        "faults": 0,
    } | more


def failing(before: float, after: float, control: float, **more: Any) -> Document:
    rates = {"sft": before, "rl-1": after, "generic-1": control}
    gained = {"sft": after - before, "generic-1": after - control}
    return {
        "failures": {name: round(4 * value) for name, value in rates.items()},
        "per_100": {n: {"value": v, "low": v - 2, "high": v + 2} for n, v in rates.items()},
        "differences": {n: {"value": v, "low": v - 3, "high": v + 3} for n, v in gained.items()},
    } | more


def turn(role: str, content: str = "", *calls: str) -> Document:
    return {"role": role, "content": content, "calls": list(calls), "is_error": False}


def fixed_round() -> Document:
    alike = [turn("assistant", "Hello."), turn("user", "Cancel both of my orders.")]
    one = [turn("assistant", "", "cancel(order=1)"), turn("tool", "cancelled")]
    two = [turn("assistant", "", "cancel(order=2)"), turn("tool", "cancelled, too")]
    end = [turn("assistant", "All is done.")]
    return {
        "round": 1,
        "before": "sft",
        "after": "rl-1",
        "controls": ["generic-1"],
        "tasks": 40,
        "patterns": [
            failing(12.5, 3.5, 11.0, id="p1", name="Picks the wrong order"),
            failing(6.0, 7.0, 6.5, id="p2", name="Forgets the second request"),
        ],
        "targeted": failing(18.5, 10.5, 17.5),
        "others": failing(24.0, 22.5, 25.5),
        "example": {
            "task_id": "t17",
            "pattern": "p2",
            "solved": {
                "sft": {"successes": 0, "trials": 4},
                "rl-1": {"successes": 4, "trials": 4},
                "generic-1": {"successes": 1, "trials": 4},
            },
            "shared": 4,
            "before": {
                "trajectory_id": "a", "trial": 0, "parts_at": 4,
                "messages": [*alike, *one, *end],
            },
            "after": {
                "trajectory_id": "b", "trial": 0, "parts_at": 4,
                "messages": [*alike, *one, *two, *end],
            },
        },
    }  # fmt: skip


@pytest.fixture
def document() -> Document:
    better = {str(k): {"value": 11.8, "low": 7.6, "high": 16.9} for k in range(1, 5)}
    terms = [
        {"name": "task_success", "weight": 1.0, "first": 0.42, "last": 0.66},
        {"name": "repeated_calls", "weight": 0.05, "first": -0.12, "last": -0.03},
    ]
    return {
        "run": "runs/retail-0",
        "domain": "retail",
        "seed": 0,
        "preset": "quick",
        "policy": "tiny",
        "simulator": "scripted",
        "judge": "rules",
        "clusterer": "faiss k-means over lexical embedding",
        "injector": "template",
        "trainer": "grpo",
        "arms": [
            arm("base", [12.5, 10.1, 9.0, 8.1]),
            arm("sft", [43.8, 31.2, 25.0, 20.6], faults=2, fault_kinds={"context_overflow": 2}),
            arm("rl-1", [55.6, 44.9, 38.8, 33.1], differences={"against": "sft", "pass": better}),
            arm("generic-1", [45.3, 33.0, 27.7, 23.5]),
        ],
        "validation": [arm("sft", [41.0, 30.2, 24.0, 19.6], split="validation")],
        "patterns": [
            {
                "id": "p1",
                "name": "Picks the wrong order",
                "description": "Acts on the first order it looked up.",
                "kinds": {"wrong_order": 31},
                "rounds": [
                    {"round": 1, "count": 31, "share": 0.42},
                    {"round": 2, "count": 11, "share": 0.24},
                ],
            },
            {
                "id": "p2",
                "name": "Forgets the second request",
                "description": "Only the first of two is carried out.",
                "kinds": {},
                "rounds": [{"round": 2, "count": 9, "share": 0.2}],
            },
        ],
        "fixed": [fixed_round()],
        "blame": [{"round": 1, "agent": 74, "user_simulator": 4}, {"round": 2, "agent": 46}],
        "pool": [
            {"round": 1, "tasks": 96, "patterns": {"p1": 96}, "refused": {"duplicate": 12}},
            {"round": 2, "tasks": 192, "patterns": {"p1": 150, "p2": 42}, "refused": {}},
        ],
        "rewards": [
            {
                "arm": "rl-1",
                "terms": terms,
                "curve": [{"step": n, "reward": n / 10, "success": n / 20} for n in range(1, 10)],
            }
        ],
        "training": [
            {
                "arm": "sft",
                "steps": 420,
                "tokens": 1_843_200,
                "seconds": 92.4,
                "loss_first": 3.41,
                "loss_last": 0.08,
                "stopped_because": "held-out success passed 40%",
                "signs": {"repeats": "step 9: calls that repeat rose from 3% to 21%"},
                "curve": [{"step": n, "loss": 3 / n} for n in range(1, 20)],
            }
        ],
        "seconds": {"sft": 92.4, "evaluate sft on test": 21.0, "train rl-1": 141.0},
        "cost_usd": 0.0,
        "call_notes": [
            {
                "role": "agent",
                "note": "m writes tool calls (Hermes) as text: start the server",
                "times": 12,
            },
            {"role": "user", "note": "m takes no seed: it was left out", "times": 1},
        ],
        "complete": True,
    }


def printed(document: Document, width: int = 110) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(render(document))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


class Page(HTMLParser):
    """Collects text and attributes, and fails on tags that do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.values: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.values += [value or "" for _, value in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def plain(text: str) -> str:
    return " ".join(text.split())
