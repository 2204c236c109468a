"""A run's ``report.json`` made visible: in a terminal, as a picture, as a page; live progress."""

from harness.report.html import to_html
from harness.report.lists import (
    doctor_table,
    hooks_table,
    plan_table,
    plugins_table,
)
from harness.report.regraded import tally_table
from harness.report.svg import to_svg
from harness.report.tasks import task_cards, tasks_table
from harness.report.terminal import patterns_table, pool_table, render

__all__ = [
    "doctor_table",
    "hooks_table",
    "patterns_table",
    "plan_table",
    "plugins_table",
    "pool_table",
    "render",
    "tally_table",
    "task_cards",
    "tasks_table",
    "to_html",
    "to_svg",
]
