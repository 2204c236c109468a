"""A study's plots as SVG pictures by file name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from harness.report.charts import nice_ticks
from harness.report.figures import share
from harness.report.markup import Markup, tag
from harness.report.study.drawing import (
    LINE,
    Frame,
    hatched,
    label,
    legend,
    lying,
    mark,
    path,
    picture,
    upright,
)
from harness.runtime.foreign_text import clean
from harness.study.analysis import (
    KS,
    Estimate,
    curve_estimate,
    difference,
    pass_estimate,
    pattern_estimate,
)
from harness.study.results_file import Results

WIDTH = 980.0
NAMES = 300.0
"""Pixels for names at the left, and for a legend at the right."""

FITTING = 38
"""Characters of a label that have room there."""

MOST_PATTERNS = 10


def plots(results: Results) -> dict[str, str]:
    """All that there is something to show for, by name without a suffix."""
    drawn = {
        "pass": pass_plot(results),
        "differences": difference_plot(results),
        "rollouts": rollout_plot(results),
        "training": training_plot(results),
        "patterns": pattern_plot(results),
        "rounds": round_plot(results),
    }
    return {name: text for name, text in drawn.items() if text}


def pass_plot(results: Results) -> str:
    """Pass^k over k, a series for each plotted arm."""
    arms = plotted(results)
    found = {arm: {k: pass_estimate(results, arm, k) for k in KS} for arm in arms}
    known = [one.interval for by_k in found.values() for one in by_k.values() if one]
    if not known:
        return ""
    ks = [k for k in KS if any(by_k[k] for by_k in found.values())]
    ticks = nice_ticks(0, max(interval.high for interval in known))
    frame = Frame(
        left=50,
        top=40,
        width=WIDTH - 80 - NAMES,
        height=320,
        x_range=(ks[0] - 0.5, ks[-1] + 0.5),
        y_range=(ticks[0], ticks[-1]),
    )
    shapes = [frame.across(ticks), *(frame.under(k, f"Pass^{k}") for k in ks)]
    for kind, by_k in enumerate(found.values()):
        shift = (kind - (len(arms) - 1) / 2) * min(0.1, 0.7 / len(arms))
        there = {k: one.interval for k, one in by_k.items() if one}
        points = [(frame.x(k + shift), frame.y(one.value)) for k, one in there.items()]
        shapes.append(path(points, kind))
        shapes += [upright(frame, frame.x(k + shift), one, kind) for k, one in there.items()]
    names = [_named(results, arm) for arm in arms]
    shapes.append(legend(WIDTH - NAMES, 60, names))
    title = "Pass^k on the test tasks, percent, with 95% intervals over seeds and tasks"
    return picture(WIDTH, 400, title, frame.title(title), *shapes)


def difference_plot(results: Results) -> str:
    """A row for each comparison, with the difference in Pass^1 and that in the last k there is."""
    rows = [
        (
            f"{c.arm} − {c.against}",
            [difference(results, c.arm, c.against, k) for k in KS],
        )
        for c in results.study.comparisons
    ]
    rows = [(name, found) for name, found in rows if found[0]]
    if not rows:
        return ""
    last = max(k for k in KS if any(found[k - 1] for _, found in rows))
    series = [1] if last == 1 else [1, last]
    lines = [(name, [(n, found[k - 1]) for n, k in enumerate(series)]) for name, found in rows]
    labels = [f"Pass^{k}" for k in series]
    title = "Paired differences in percentage points, with 95% intervals"
    return _rows(title, lines, labels, names=NAMES + 40)


def rollout_plot(results: Results) -> str:
    """Pass^1 over the rollouts trained on, for the arms whose weights were kept on the way."""
    lines = {arm: learning(results, arm) for arm in curved_arms(results)}
    if not any(lines.values()):
        return ""
    return _lines(
        "Pass^1 on the test tasks over rollouts trained on, percent, with 95% intervals",
        {
            _named(results, arm): [(point.rollouts, point.passes) for point in line]
            for arm, line in lines.items()
        },
        "rollouts",
    )


def curved_arms(results: Results) -> list[str]:
    """The arms that have weights kept on the way."""
    return [arm for arm, by in results.arms.items() if any(r.curve for r in by.values())]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """Pass^1 after a step (0: SFT) and the rollouts trained on by then."""

    step: int
    rollouts: float
    passes: Estimate


def learning(results: Results, arm: str) -> list[Learnt]:
    """From the SFT policy to the arm's last, over the arm's seeds."""
    first = results.arms[arm][results.seeds(arm)[0]]
    played = {int(point["step"]): point["rollouts"] for point in first.training.curve}
    start = pass_estimate(results, "sft", 1) if "sft" in results.arms else None
    found = [(0, start)]
    found += [(point.step, curve_estimate(results, arm, point.step)) for point in first.curve]
    found.append((first.training.steps, pass_estimate(results, arm, 1)))
    return [
        Learnt(step=step, rollouts=played.get(step, 0.0), passes=one) for step, one in found if one
    ]


def training_plot(results: Results) -> str:
    """Reward and success of the rollouts trained on by step, means over seeds; of plotted arms, as
    other rewards are no measure of theirs.
    """
    arms = {
        arm: [r.training.curve for r in results.arms[arm].values() if r.training.curve]
        for arm in plotted(results)
    }
    arms = {arm: curves for arm, curves in arms.items() if curves}
    if not arms:
        return ""
    shapes, half = [], (WIDTH - NAMES - 150) / 2
    for place, (key, scale) in enumerate((("reward", 1.0), ("success", 100.0))):
        lines = {arm: _mean_curve(curves, key, scale) for arm, curves in arms.items()}
        ys = [y for line in lines.values() for _, y in line]
        ticks = nice_ticks(min(0.0, *ys), max(ys))
        steps = [x for line in lines.values() for x, _ in line]
        frame = Frame(
            left=50 + place * (half + 60),
            top=40,
            width=half,
            height=250,
            x_range=(min(steps), max(steps)),
            y_range=(ticks[0], ticks[-1]),
        )
        shapes += [frame.across(ticks), frame.title(("reward", "success, percent")[place])]
        shapes += [frame.under(step, f"{step:g}") for step in sorted({min(steps), max(steps)})]
        shapes.append(frame.under((min(steps) + max(steps)) / 2, "step"))
        for kind, line in enumerate(lines.values()):
            points = [(frame.x(x), frame.y(y)) for x, y in line]
            shapes.append(path(points, kind))
            shapes.append(_end(points, kind))
    shapes.append(legend(WIDTH - NAMES, 60, [_named(results, arm) for arm in arms]))
    title = "Training by step on each arm's own tasks, mean over seeds"
    return picture(WIDTH, 330, title, *shapes)


def pattern_plot(results: Results) -> str:
    """A row for each of the most frequent patterns, a mark for each of the arms compared."""
    arms = pattern_arms(results)
    rows = []
    for name, of_seed in frequent_patterns(results):
        found = [(n, pattern_estimate(results, arm, of_seed)) for n, arm in enumerate(arms)]
        rows.append((name, found))
    if not rows or len(arms) < 2:
        return ""
    title = "Failures per 100 conversations on the test tasks by pattern, with 95% intervals"
    return _rows(title, rows, [_named(results, arm) for arm in arms], names=NAMES - 40)


def plotted(results: Results) -> list[str]:
    """The arms that the study names for its plots and that are there: all main ones with a policy
    of their own, if it names none.
    """
    arms = results.study.arms
    wanted = results.study.plotted or [
        name for name, arm in arms.items() if arm.group == "main" and arm.start != "after"
    ]
    return [name for name in wanted if name in results.arms]


def pattern_arms(results: Results) -> list[str]:
    """The arms whose failures are shown side by side: those that the study names and that are
    there.
    """
    return [arm for arm in results.study.pattern_arms if arm in results.arms]


def frequent_patterns(results: Results) -> list[tuple[str, dict[int, list[str]]]]:
    """The patterns with most failures in what was read in round 1, each with its ids by seed."""
    counts: dict[str, int] = {}
    ids: dict[str, dict[int, list[str]]] = {}
    arms = pattern_arms(results) or list(results.study.arms)
    for seed, shared in results.shared(arms[-1]).items():
        for pattern in shared.patterns:
            counts[pattern.name] = counts.get(pattern.name, 0) + pattern.count
            ids.setdefault(pattern.name, {}).setdefault(seed, []).append(pattern.id)
    ranked = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_PATTERNS]
    return [(name, ids[name]) for name in ranked]


def round_plot(results: Results) -> str:
    """For each arm of several rounds, how its failures on validation divide, round by round."""
    arms = {
        arm: [r for r in by.values() if r.rounds]
        for arm, by in results.arms.items()
        if results.study.arms[arm].group == "main"
    }
    bars = {arm: _shares([r.rounds for r in found]) for arm, found in arms.items() if found}
    if not bars:
        return ""
    shapes, y, listed = [], 50.0, list(dict.fromkeys(n for b in bars.values() for n in b))
    for arm, of_pattern in bars.items():
        shapes.append(tag("text", results.label(arm), x=20, y=y, class_="title"))
        rounds = sorted({number for by in of_pattern.values() for number in by})
        for number in rounds:
            y += 32
            shapes.append(label(20, y + 1, f"round {number}"))
            shapes += _segments(of_pattern, number, y - 15, listed)
        y += 40
    for kind, name in enumerate(listed):
        top = 50 + LINE * kind
        box = {"width": 16, "height": 12, "fill": hatched(kind), "class_": "segment"}
        shapes.append(tag("rect", x=WIDTH - NAMES + 10, y=top - 10, **box))
        shapes.append(label(WIDTH - NAMES + 34, top, clean(name, 34)))
    height = max(y, 50 + LINE * len(listed)) + 10
    title = "How the failures of each round's policy divide into patterns, mean over seeds"
    heading = tag("text", title, x=20, y=24, class_="title")
    return picture(WIDTH, height, title, heading, *shapes)


def _segments(
    of_pattern: Mapping[str, Mapping[int, float]], number: int, top: float, listed: Sequence[str]
) -> list[Markup]:
    shapes, at, width = [], 90.0, WIDTH - NAMES - 110
    for name, by_round in of_pattern.items():
        wide = width * by_round.get(number, 0.0)
        box = {"height": 22, "fill": hatched(listed.index(name)), "class_": "segment"}
        said = tag("title", f"{name}: {share(by_round.get(number, 0.0))}")
        shapes.append(tag("rect", said, x=at, y=top, width=wide, **box))
        at += wide
    return shapes


def _shares(of_seeds: Sequence[Sequence[Mapping[str, object]]]) -> dict[str, dict[int, float]]:
    """The mean share by pattern and round, most frequent patterns first; the others together."""
    sums: dict[str, dict[int, float]] = {}
    rounds: set[int] = set()
    for patterns in of_seeds:
        for pattern in patterns:
            seen = pattern["rounds"]
            for row in seen if isinstance(seen, list) else []:
                rounds.add(row["round"])
                by = sums.setdefault(str(pattern["name"]), {})
                by[row["round"]] = by.get(row["round"], 0.0) + row["share"] / len(of_seeds)
    ranked = sorted(sums, key=lambda name: (-sum(sums[name].values()), name))
    kept = {name: sums[name] for name in ranked[:7]}
    rest = {n: 1 - sum(by.get(n, 0.0) for by in kept.values()) for n in rounds}
    return {**kept, "others and noise": {n: max(0.0, value) for n, value in rest.items()}}


def _mean_curve(
    curves: Sequence[Sequence[Mapping[str, float]]], key: str, scale: float
) -> list[tuple[float, float]]:
    steps = sorted({point["step"] for curve in curves for point in curve})
    return [
        (step, scale * fmean(p[key] for curve in curves for p in curve if p["step"] == step))
        for step in steps
    ]


def _lines(title: str, lines: Mapping[str, list[tuple[float, Estimate]]], below: str) -> str:
    intervals = [one.interval for line in lines.values() for _, one in line]
    low, high = min(i.low for i in intervals), max(i.high for i in intervals)
    ticks = nice_ticks(low, high)
    most = max(x for line in lines.values() for x, _ in line)
    frame = Frame(
        left=50,
        top=40,
        width=WIDTH - 80 - NAMES,
        height=300,
        x_range=(-0.04 * most, 1.04 * most),
        y_range=(ticks[0], ticks[-1]),
    )
    xs = nice_ticks(0, most)
    shapes = [frame.across(ticks), *(frame.under(x, f"{x:g}") for x in xs if x <= most)]
    for kind, line in enumerate(lines.values()):
        shift = (kind - (len(lines) - 1) / 2) * 7
        points = [(frame.x(x) + shift, frame.y(one.interval.value)) for x, one in line]
        shapes.append(path(points, kind))
        shapes += [upright(frame, frame.x(x) + shift, one.interval, kind) for x, one in line]
    shapes.append(legend(WIDTH - NAMES, 60, list(lines)))
    middle = label(50 + frame.width / 2, 380, below, anchor="middle")
    return picture(WIDTH, 400, title, frame.title(title), middle, *shapes)


def _rows(
    title: str,
    rows: Sequence[tuple[str, Sequence[tuple[int, Estimate | None]]]],
    labels: Sequence[str],
    *,
    names: float,
) -> str:
    """Names at the left, for each row a mark with its interval for each series."""
    intervals = [one.interval for _, found in rows for _, one in found if one]
    low, high = min(i.low for i in intervals), max(i.high for i in intervals)
    ticks = nice_ticks(min(0.0, low), max(0.0, high))
    step = 16.0 * len(labels) + 12
    frame = Frame(
        left=names,
        top=50 + LINE * len(labels),
        width=WIDTH - names - 30,
        height=step * len(rows),
        x_range=(ticks[0], ticks[-1]),
        y_range=(0, 1),
    )
    shapes = [frame.down(ticks), legend(frame.left, 44, labels, lines=False)]
    for place, (name, found) in enumerate(rows):
        middle = frame.top + step * (place + 0.5)
        shapes.append(label(names - 12, middle + 4, clean(name, 84), anchor="end"))
        for n, one in found:
            if one:
                at = middle + 16.0 * (n - (len(labels) - 1) / 2)
                shapes.append(lying(frame, at, one.interval, n))
    heading = tag("text", title, x=20, y=22, class_="title")
    return picture(WIDTH, frame.top + frame.height + 34, title, heading, *shapes)


def _end(points: Sequence[tuple[float, float]], kind: int) -> Markup:
    return mark(kind, *points[-1])


def _named(results: Results, arm: str) -> str:
    """The arm's label, or its name where that is too long; tables have both."""
    found = results.label(arm)
    return found if len(found) <= FITTING else arm
