"""Estimates and arms as cells of a study's tables."""

from __future__ import annotations

from harness.report.figures import UNKNOWN, bounds, percent, signed
from harness.report.markdown import Markdown, code, joined
from harness.runtime.foreign_text import clean
from harness.study.analysis import Apart, Estimate
from harness.study.results_file import Results


def named(results: Results, arm: str) -> Markdown:
    label = results.label(arm)
    return code(arm) if label == arm else joined(clean(label, 60), " (", code(arm), ")")


def cell(one: Estimate | None) -> Markdown:
    known = one and f"{percent(one.interval.value)} {bounds(one.interval)}"
    return Markdown(known or UNKNOWN)


def apart_cell(one: Apart | None) -> Markdown:
    if one is None:
        return Markdown(UNKNOWN)
    text = f"{signed(one.interval.value)} {bounds(one.interval)}"
    return Markdown(f"**{text}**" if one.interval.is_sure else text)
