"""The report as one HTML file that loads nothing: the tables, and charts as inline SVG; with the
run's conversations where they are given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from harness.report.arms import arm_label, control_notes, short_label
from harness.report.charts import (
    Line,
    arm_class,
    line_chart,
    pass_chart,
)
from harness.report.effort import CURVES
from harness.report.figures import (
    UNKNOWN,
    bounds,
    cost,
    count,
    duration,
    number,
    percent,
    share,
    version,
    weight,
)
from harness.report.markup import Markup, tag, together
from harness.report.model import Arm, Report, Reward, TermRow, term_rows
from harness.report.outcome import fault_notes, held_out
from harness.report.page import change, facts, listed, section, table
from harness.report.page_fixed import fixed
from harness.report.page_patterns import patterns
from harness.report.parse import Document, read_report
from harness.report.viewer.assembly import data_elements, policy, script_element, style
from harness.report.viewer.pack import Pack
from harness.results.history import FailureMap
from harness.runtime.counting import counted
from harness.types import Interval


def to_html(
    document: Document,
    maps: Mapping[int, FailureMap] | None = None,
    pack: Pack | None = None,
    *,
    served: bool = False,
) -> str:
    """The page. Parts the document lacks are left out and named at the end; ``maps`` of the
    failures are by round. With a ``pack`` the page holds the conversations; ``served``: it asks
    its server for them.
    """
    name = read_report(document).run
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy(served=served)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{name} · report"),
        tag("style", Markup(style())),
    )
    pieces = [tag("main", overview(document, maps), id="overview")]
    if pack is not None:
        pieces += data_elements(pack)
    if pack is not None or served:
        pieces.append(script_element())
    mark = {"data_served": ""} if served else {}
    return f"<!doctype html>\n{tag('html', head, tag('body', *pieces), lang='en', **mark)}\n"


def overview(document: Document, maps: Mapping[int, FailureMap] | None = None) -> Markup:
    """What the page shows first: header and sections."""
    report = read_report(document)
    after = (_pool, _rewards, _training, _time, _missing)
    body = [piece for part in (_results, _validation, _call_notes, fixed) for piece in part(report)]
    body += patterns(report, maps or {})
    body += [piece for part in after for piece in part(report)]
    return together(_header(report), *body)


def _header(report: Report) -> Markup:
    state = "complete" if report.complete else "not finished"
    info = {"domain": report.domain, "data": version(report.data_version), **report.setting}
    info |= {"time": duration(report.total_seconds), "cost": cost(report.cost_usd)}
    title = tag("h1", report.run, " ", tag("small", state, class_=state.partition(" ")[0]))
    return tag("header", title, facts(info))


def _results(report: Report) -> Iterator[Markup]:
    if not report.arms:
        return
    pieces = [_arms(report.arms)]
    if any(arm.passes for arm in report.arms):
        pieces.append(tag("figure", pass_chart(report.arms), _legend(report.arms)))
    notes = control_notes(arm.name for arm in report.arms)
    pieces += [tag("p", f"{name}: {words}.", class_="note") for name, words in notes.items()]
    note = "Pass^k in percent [95% interval]; below, paired differences"
    yield section(report.tested, note, *pieces)


def _validation(report: Report) -> Iterator[Markup]:
    for title, note, arms in held_out(report):
        yield section(title, note, _arms(arms))


def _call_notes(report: Report) -> Iterator[Markup]:
    for noted in report.call_notes:
        yield tag("p", tag("b", noted.said))


def _arms(arms: Sequence[Arm]) -> Markup:
    ks = sorted({k for arm in arms for k in arm.passes})
    undecided = any(arm.not_gradeable for arm in arms)
    rows: list[list[str]] = []
    for arm in arms:
        rows.append(
            [
                _named(arm),
                *(_passed(arm, k) for k in ks),
                arm.size,
                str(arm.faults),
                *([str(arm.not_gradeable)] if undecided else []),
            ]
        )
        if arm.strict:
            tasks = arm.uneven(arm.pass_counted_tasks)
            strict = [together(_value(arm.strict.get(k)), _of_tasks(tasks, k)) for k in ks]
            rows.append([tag("i", "strict"), *strict, *[""] * (3 if undecided else 2)])
    header = ["", *(f"Pass^{k}" for k in ks), "tasks × trials", "faults"]
    made = table([*header, *(["not gradeable"] if undecided else [])], rows)
    faulty = [f"{arm.label}: {listed(arm.fault_kinds)}" for arm in arms if arm.fault_kinds]
    if not faulty:
        return made
    note = "Faults, left out of Pass^k, failures in the strict one. "
    notes = (tag("p", said.plain, class_="note") for arm in arms for said in fault_notes(arm))
    return together(made, tag("p", note, "; ".join(faulty), ".", class_="note"), *notes)


def _named(arm: Arm) -> Markup:
    """The arm's label, and below it what each of its differences is from."""
    others = [f"− {short_label(c.against)}" if c.against else "change" for c in arm.compared]
    lines = [together(tag("br"), tag("small", words)) for words in others]
    return together(tag("b", arm.label, class_=arm_class(arm.name)), *lines)


def _passed(arm: Arm, k: int) -> Markup:
    lines = [together(_value(arm.passes.get(k)), _of_tasks(arm.uneven(arm.tasks_by_k), k))]
    for compared in arm.compared:
        found = compared.passes.get(k)
        words = change(found) if found else tag("small", UNKNOWN)
        lines += [tag("br"), words, _of_tasks(arm.uneven(compared.tasks_by_k), k)]
    return together(*lines)


def _of_tasks(tasks: Mapping[int, int], k: int) -> Markup:
    """How many tasks a value is of, where that is to be said."""
    if not tasks:
        return together()
    return together(" ", tag("small", f"{counted(tasks.get(k, 0), 'task')}"))


def _value(found: Interval | None) -> Markup:
    if found is None:
        return together(UNKNOWN)
    return together(tag("b", percent(found.value)), " ", tag("i", bounds(found)))


def _legend(arms: Sequence[Arm]) -> Markup:
    names = [tag("span", arm.label, class_=f"key {arm_class(arm.name)}") for arm in arms]
    return tag("figcaption", *names)


def _pool(report: Report) -> Iterator[Markup]:
    if not report.pool:
        return
    keys = dict.fromkeys(key for row in report.pool for key in row.patterns)
    reasons = dict.fromkeys(reason for row in report.pool for reason in row.refused)
    rows: list[list[str]] = [[tag("b", "all tasks"), *(count(row.tasks) for row in report.pool)]]
    for key in keys:
        cells = [row.patterns.get(key, 0) for row in report.pool]
        rows.append([report.pattern_name(key), *(count(n) if n else UNKNOWN for n in cells)])
    for reason in reasons:
        cells = [row.refused.get(reason, 0) for row in report.pool]
        label = tag("i", f"refused: {reason.replace('_', ' ')}")
        rows.append([label, *(count(n) if n else UNKNOWN for n in cells)])
    made = table(["", *(f"round {row.round}" for row in report.pool)], rows)
    yield section("Task pool", "tasks added in each round, by the pattern they provoke", made)


def _rewards(report: Report) -> Iterator[Markup]:
    if not report.rewards:
        return
    arms = [reward for reward in report.rewards if reward.terms]
    rows = [_term_cells(row) for row in term_rows(arms)]
    header = ["", "weight", *(arm_label(reward.arm) for reward in arms)]
    charts = [chart for metric in CURVES for chart in _curve(metric, report.rewards)]
    pieces = [tag("div", *charts, class_="pair")] if charts else []
    pieces += [table(header, rows)] if rows else []
    yield section(
        "Reward terms",
        "mean over the first and last quarter of training, before weighting",
        *pieces,
    )


def _term_cells(row: TermRow) -> list[str]:
    weights = " / ".join(weight(value) for value in row.weights)
    courses = (
        together(f"{number(term.first)} → ", tag("b", number(term.last))) if term else UNKNOWN
        for term in row.terms
    )
    return [row.name.replace("_", " "), weights, *courses]


def _curve(metric: str, rewards: Sequence[Reward]) -> Iterator[Markup]:
    lines = [
        Line(reward.arm, arm_label(reward.arm), reward.curves[metric])
        for reward in rewards
        if reward.curves.get(metric)
    ]
    if lines:
        yield _figure(f"{metric} by training step", lines)


def _figure(title: str, lines: Sequence[Line]) -> Markup:
    keys = [tag("span", line.label, class_=f"key {arm_class(line.arm)}") for line in lines]
    return tag("figure", line_chart(title, lines), tag("figcaption", tag("b", title), *keys))


def _training(report: Report) -> Iterator[Markup]:
    if not report.training:
        return
    rows = [
        [
            tag("b", arm_label(run.arm)),
            run.stopped_because or UNKNOWN,
            count(run.steps),
            count(run.tokens) if run.tokens else UNKNOWN,
            duration(run.seconds),
            number(run.loss_first),
            number(run.loss_last),
        ]
        for run in report.training
    ]
    rewarded = {reward.arm for reward in report.rewards}
    header = ["", "stopped because", "steps", "tokens", "time", "loss, first", "loss, last"]
    charts = [
        _figure(f"{arm_label(run.arm)} loss by training step", [Line(run.arm, "loss", losses)])
        for run in report.training
        if run.arm not in rewarded and (losses := run.curves.get("loss"))
    ]
    pair = tag("div", *charts, class_="pair") if charts else together()
    signs = [
        tag("p", tag("b", f"{arm_label(run.arm)}: "), f"{said} ({name})")
        for run in report.training
        for name, said in run.signs.items()
    ]
    yield section("Training", "", table(header, rows, text_columns=2), *signs, pair)


def _time(report: Report) -> Iterator[Markup]:
    if not report.seconds:
        return
    longest = max(report.seconds.values()) or 1.0
    rows = [
        [
            station,
            _bar(max(seconds, 0) / longest),
            duration(seconds),
            share(seconds / (report.total_seconds or 1.0)),
        ]
        for station, seconds in report.seconds.items()
    ]
    made = table(["", "", "", ""], rows, text_columns=2)
    yield section(
        "Time", f"{duration(report.total_seconds)} in all", tag("div", made, class_="time")
    )


def _bar(part: float) -> Markup:
    filled = tag("rect", width=100 * part, height=10)
    box = {"viewBox": "0 0 100 10", "preserveAspectRatio": "none", "aria_hidden": "true"}
    return tag("svg", filled, class_="bar", **box)


def _missing(report: Report) -> Iterator[Markup]:
    if report.missing:
        yield tag("p", f"Not there: {', '.join(report.missing)}.", class_="missing")
