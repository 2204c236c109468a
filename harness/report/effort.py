"""What training did and what it took: reward terms, curves, training runs, time per station."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from harness.report.arms import arm_label
from harness.report.figures import (
    UNKNOWN,
    bar,
    count,
    duration,
    number,
    share,
    sparkline,
    weight,
)
from harness.report.layout import LABEL_WIDTH, FirstThatFits, heading, plain_table
from harness.report.model import Report, Reward, Training, term_rows

CURVES = ("reward", "success")
"""The metrics whose course is drawn for each arm trained on rewards."""

_LABEL = 17
"""Cells of the longest line of an arm's name."""

_SPARK_WIDTH = 32
_BAR_WIDTH = 30


def effort(report: Report) -> Iterator[RenderableType]:
    """Rewards, training, time; a part without content is left out."""
    if report.rewards:
        yield from heading("Reward terms", "mean over the first and last quarter of training")
        yield from _terms(report.rewards)
        yield from _reward_curves(report.rewards)
    if report.training:
        yield from heading("Training")
        yield _training(report.training)
        yield from _signs(report.training)
    if report.seconds:
        yield from heading("Time", f"{duration(report.total_seconds)} in all")
        yield _time(report)


def _terms(rewards: Sequence[Reward]) -> Iterator[RenderableType]:
    arms = [reward for reward in rewards if reward.terms]
    if arms:
        yield FirstThatFits([_term_tables(arms, 4), _term_tables(arms, 3)])


def _term_tables(arms: Sequence[Reward], together: int) -> Group:
    starts = range(0, len(arms), together)
    return Group(*(_term_table(arms[start : start + together]) for start in starts))


def _term_table(rewards: Sequence[Reward]) -> Table:
    table = plain_table()
    table.add_column(no_wrap=True, min_width=LABEL_WIDTH - 2)
    table.add_column("weight", justify="right", no_wrap=True)
    for reward in rewards:
        table.add_column(Text(arm_label(reward.arm).replace(" control", "\ncontrol")), no_wrap=True)
    for row in term_rows(rewards):
        weights = " / ".join(weight(value) for value in row.weights)
        cells = [_course(t.first, t.last) if t else Text(UNKNOWN, "dim") for t in row.terms]
        table.add_row(Text(row.name.replace("_", " ")), weights, *cells)
    return table


def _course(first: float | None, last: float | None) -> Text:
    return Text.assemble(f"{number(first):>5}", (" → ", "dim"), (number(last), "bold"))


def _reward_curves(rewards: Sequence[Reward]) -> Iterator[RenderableType]:
    table = plain_table()
    table.add_column(no_wrap=True, min_width=LABEL_WIDTH - 2)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.show_header = False
    for reward in rewards:
        label = arm_label(reward.arm)
        for metric in CURVES:
            series = [value for _, value in reward.curves.get(metric, ())]
            if series:
                drawn = Text(sparkline(series, _SPARK_WIDTH), "cyan")
                table.add_row(Text(label, "bold"), metric, drawn, _course(series[0], series[-1]))
                label = ""
    if table.row_count:
        yield Text()
        yield table


def _training(runs: Sequence[Training]) -> Table:
    table = plain_table()
    table.add_column(min_width=LABEL_WIDTH - 2, max_width=_LABEL)
    for name in ("steps", "tokens", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("loss", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("stopped")
    for run in runs:
        losses = [value for _, value in run.curves.get("loss", ())]
        known = run.loss_first is not None or run.loss_last is not None
        table.add_row(
            Text(arm_label(run.arm), "bold"),
            count(run.steps),
            count(run.tokens) if run.tokens else UNKNOWN,
            duration(run.seconds),
            Text(sparkline(losses, 12), "cyan"),
            _course(run.loss_first, run.loss_last) if known else "",
            Text(run.stopped_because, "dim"),
        )
    return table


def _signs(runs: Sequence[Training]) -> Iterator[RenderableType]:
    """A line for each sign that an arm gamed its reward."""
    for run in runs:
        for name, said in run.signs.items():
            arm = arm_label(run.arm)
            yield Text.assemble((f"! {arm}: ", "yellow"), f"{said}", (f" ({name})", "dim"))


def _time(report: Report) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=LABEL_WIDTH - 2)
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    longest = max(report.seconds.values())
    for station, seconds in report.seconds.items():
        drawn = bar(seconds / longest if longest else 0.0, _BAR_WIDTH)
        fraction = seconds / report.total_seconds if report.total_seconds else 0.0
        table.add_row(
            Text(station), Text(drawn, "cyan"), duration(seconds), Text(share(fraction), "dim")
        )
    return table
