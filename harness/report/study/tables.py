"""A study's tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from harness.discovery.drift import NONE
from harness.report.figures import UNKNOWN, bounds, count, duration, number, percent, signed
from harness.report.markdown import Markdown, code, joined, table
from harness.report.study.cells import apart_cell, cell, named
from harness.report.study.plots import (
    curved_arms,
    frequent_patterns,
    learning,
    pattern_arms,
)
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.study.analysis import (
    KS,
    Apart,
    Estimate,
    by_sft,
    curve_difference,
    difference,
    pass_estimate,
    pattern_difference,
    pattern_estimate,
    solved_estimate,
    targeted_patterns,
)
from harness.study.results_file import OFTEN, Result, Results
from harness.study.spec import Comparison
from harness.types.names import StationName

PARTS = ("making tasks", "training", "evaluation")
"""What CPU time is for."""

EVEN = 1 / 3
"""A tag that a smaller share of the tasks carries, or lacks, splits off too few."""

ALL = "all that tasks were made for"
OTHER = "in no pattern of round 1"


def main_table(results: Results) -> str:
    """Pass^k of every arm in the shape of the published table, the published values beside it."""
    published = results.study.published
    head = ["arm", *(f"Pass^{k}" for k in KS), "seeds", *(["published"] if published else [])]
    rows = []
    for arm in results.arms:
        found = [pass_estimate(results, arm, k) for k in KS]
        theirs = " / ".join(percent(value) for value in published.get(arm, ()))
        row = [named(results, arm), *_row(found, cell), str(len(results.seeds(arm)))]
        rows.append([*row, *([theirs or UNKNOWN] if published else [])])
    return table(head, rows)


def difference_table(results: Results) -> str:
    """The paired differences that the study names; those that leave out 0 in bold."""
    rows = []
    for one in results.study.comparisons:
        found = [difference(results, one.arm, one.against, k) for k in KS]
        if found[0]:
            rows.append([_apart_from(one), *map(apart_cell, found), str(found[0].seeds)])
    return table(["", *(f"Pass^{k}" for k in KS), "seeds"], rows)


def sort_table(results: Results) -> str:
    """Where the differences that the study names are: on test tasks with and without a tag, for the
    tags that about half of the tasks carry.
    """
    head, masks = [""], []
    for tag, mask in results.tags().items():
        if EVEN <= mask.mean() <= 1 - EVEN:
            head += [joined(code(tag, 30), f" ({mask.sum()})"), f"not ({(~mask).sum()})"]
            masks += [mask, ~mask]
    rows = []
    for one in results.study.comparisons:
        if masks and results.seeds(one.arm, one.against):
            among = [difference(results, one.arm, one.against, 1, among=mask) for mask in masks]
            rows.append([_apart_from(one), *map(apart_cell, among)])
    return table(head, rows)


def start_table(results: Results) -> str:
    """Pass^1 where SFT never, sometimes and always solved the task in its other trials."""
    rows = []
    for arm in results.arms:
        found = by_sft(results, arm) if results.study.arms[arm].start == "sft" else {}
        if found:
            cells = [cell(found[how]) for how in OFTEN]
            rows.append([named(results, arm), *cells, str(len(results.seeds("sft", arm)))])
    return table(["arm", *(f"{how} solved" for how in OFTEN), "seeds"], rows)


def learning_table(results: Results) -> str:
    """Pass^1 over rollouts of the arms whose weights were kept, and how far the first is above the
    second at equal rollouts.
    """
    arms = curved_arms(results)
    lines = {arm: learning(results, arm) for arm in arms}
    points = {point.step: point.rollouts for line in lines.values() for point in line}
    pair, last = arms if len(arms) == 2 else [], max(points, default=0)
    rows = []
    for step, rollouts in points.items():
        found = [[p.passes for p in line if p.step == step] for line in lines.values()]
        cells = [cell(one[0] if one else None) for one in found]
        if pair:
            cells.append(apart_cell(_apart(results, *pair, step=step, is_last=step == last)))
        rows.append([f"{rollouts:g}", *cells])
    head = ["rollouts trained on", *(joined(code(arm), ", Pass^1") for arm in arms)]
    return table(head + ([Markdown(" − ".join(map(code, pair)))] if pair else []), rows)


def practice_table(results: Results) -> str:
    """What reinforcement met: how many groups of rollouts had anything to tell apart."""
    rows = []
    for name, found in _by_arm(results, trained=True):
        met = [result.practice for result in found if result.practice.groups]
        if met:
            shares = [[100 * getattr(p, how) / p.groups for p in met] for how in OFTEN]
            halves = [[p.first for p in met], [p.second for p in met]]
            rates = [[value for value in half if value is not None] for half in halves]
            groups = count(round(fmean(p.groups for p in met)))
            rows.append([name, groups, *map(_spread, [*shares, *rates])])
    parts = [f"{how} solved, %" for how in OFTEN]
    return table(["arm", "groups", *parts, "success, first half", "second half"], rows)


def pattern_table(results: Results) -> str:
    """Failures per 100 conversations by pattern: each arm's, and how the last differs from each of
    the others.
    """
    arms = pattern_arms(results)
    if len(arms) < 2:
        return ""
    *others, last = arms
    head = ["pattern", "seeds", "tasks made", *arms, *(f"{last} − {a}" for a in others)]
    shared = results.shared(last)
    rows = []
    for name, of_seed in _patterns(results, last):
        ids = {id for ids in of_seed.values() for id in ids}
        made = [sum(p.tasks for p in shared[seed].patterns if p.id in ids) for seed in of_seed]
        cells = [cell(pattern_estimate(results, arm, of_seed)) for arm in arms]
        cells += [apart_cell(pattern_difference(results, last, arm, of_seed)) for arm in others]
        rows.append([clean(name, 60), str(len(of_seed)), count(sum(made)), *cells])
    return table(head, rows)


def solved_table(results: Results) -> str:
    """Of the test conversations that SFT failed by each pattern, how many each arm solves."""
    arms = [arm for arm in pattern_arms(results) if arm != "sft"]
    rows = []
    for name, of_seed in _patterns(results, arms[-1]) if arms else []:
        found = [solved_estimate(results, arm, of_seed) for arm in arms]
        if any(found):
            rows.append([clean(name, 60), *map(cell, found)])
    return table(["pattern", *arms], rows)


def shift_table(results: Results) -> str:
    """From round to round: how much of the mix of failures moved, and whether that is chance."""
    rows = [
        [
            code(arm),
            str(seed),
            f"{shift['from']} → {shift['to']}",
            percent(100 * shift["distance"]),
            "< 0.01" if shift["p"] < 0.01 else number(shift["p"]),
            str(shift["verdict"]),
        ]
        for arm, by_seed in results.arms.items()
        for seed, result in by_seed.items()
        for shift in result.shifts
    ]
    return table(["arm", "seed", "rounds", "mix moved, %", "p", ""], rows)


def behaviour_table(results: Results) -> str:
    """How the arms go about it on the test tasks, with the lowest and highest seed."""
    per = (
        ("turns", "turns", 1),
        ("tokens", "tokens", 1),
        ("calls", "calls", 1),
        ("repeated calls in 100", "repeated", 100),
        ("invalid calls in 100", "invalid", 100),
    )
    rows = []
    for arm, by_seed in results.arms.items():
        cells = [
            _spread([scale * _per_talk(result, key) for result in by_seed.values()])
            for _, key, scale in per
        ]
        faults = sum(trials.count("-") for r in by_seed.values() for trials in r.outcomes)
        others = sum(n for r in by_seed.values() for who, n in r.blame.items() if who != "agent")
        rows.append([named(results, arm), *cells, count(others), count(faults)])
    return table(["arm", *(name for name, _, _ in per), "others' fault", "not counted"], rows)


def effort_table(results: Results) -> str:
    """What each arm cost beyond what its seed's arms share, on average over seeds."""
    rows = []
    for name, found in [*_by_start(results), *_by_arm(results)]:
        if not found:
            continue
        cpu = [_parts(result.cpu) for result in found]
        wall = fmean(sum(result.seconds.values()) for result in found)
        times = [duration(fmean(one[part] for one in cpu)) for part in PARTS]
        played = [
            round(fmean(r.rollouts.get(key, 0) for r in found)) for key in ("since_sft", "in_all")
        ]
        rows.append([name, *times, duration(wall), *(count(n) if n else UNKNOWN for n in played)])
    head = ["arm", *(f"{part}, CPU" for part in PARTS), "wall", "rollouts since SFT", "in all"]
    return table(head, rows)


def budgets(results: Results) -> list[str]:
    """How near each arm with a budget of time came to what it was to have, in CPU time."""
    said = []
    for arm, by_seed in results.arms.items():
        like = results.study.arms[arm].as_long_as
        seeds = results.seeds(arm, like) if like else []
        if seeds:
            parts = ["training"] if results.study.arms[arm].has_tasks else PARTS[:2]
            had = fmean(_parts(by_seed[s].cpu)["training"] for s in seeds)
            meant = fmean(_cost(results, like, s, parts) for s in seeds)
            share_ = f"{100 * had / meant:.0f}%" if meant else UNKNOWN
            of = "training cost" if len(parts) == 1 else "tasks and training cost beyond SFT"
            said.append(
                f"{code(arm)} trained for {duration(had)} of CPU time, {share_} of what"
                f" {code(like)}'s {of} ({duration(meant)})."
            )
    return said


def _patterns(results: Results, arm: str) -> list[tuple[str, dict[int, list[str]]]]:
    """Those that the page shows, each with its ids by seed: all together first, none last."""
    shared = results.shared(arm)
    every = targeted_patterns(results, arm, list(shared))
    none = {seed: [NONE] for seed in shared}
    return [(ALL, every), *frequent_patterns(results), (OTHER, none)]


def _apart(results: Results, arm: str, against: str, *, step: int, is_last: bool) -> Apart | None:
    if is_last:
        return difference(results, arm, against, 1)
    return curve_difference(results, arm, against, step)


def stated(one: Estimate) -> Markdown:
    """A difference with its interval and its size: "+6.1 [2.0, 9.9], 5 seeds x 200 tasks"."""
    seeds = f"{one.seeds} seed{'s' if one.seeds > 1 else ''}"
    value = f"{signed(one.interval.value)} {bounds(one.interval)}"
    return Markdown(f"{value}, {seeds} × {counted(one.tasks, 'task')}")


def _apart_from(one: Comparison) -> Markdown:
    return joined(code(one.arm), " − ", code(one.against))


def _by_start(results: Results) -> list[tuple[str, list[Result]]]:
    is_only = len(results.study.starts) == 1
    return [
        ("shared by all" if is_only else f"start {name}", list(by.values()))
        for name, by in results.starts.items()
    ]


def _by_arm(results: Results, *, trained: bool = False) -> list[tuple[str, list[Result]]]:
    """``trained``: without arms that only test the policy of another one."""
    return [
        (named(results, arm), list(by.values()))
        for arm, by in results.arms.items()
        if not trained or results.study.trained_as(arm) == arm
    ]


def _row(
    found: Sequence[Estimate | None], shown: Callable[[Estimate | None], Markdown]
) -> list[Markdown]:
    """The cells, each with its number of tasks where these are not the same."""
    return [
        Markdown(f"{shown(one)} ({counted(one.tasks, 'task')})")
        if one and are_uneven(found)
        else shown(one)
        for one in found
    ]


def are_uneven(found: Sequence[Estimate | None]) -> bool:
    """Whether estimates are over different numbers of tasks."""
    return len({one.tasks for one in found if one is not None}) > 1


def _per_talk(result: Result, key: str) -> float:
    return result.behaviour.get(key, 0) / max(1, result.behaviour.get("conversations", 0))


def _spread(values: Sequence[float]) -> str:
    if not values:
        return UNKNOWN
    mean = number(fmean(values))
    if len(values) == 1:
        return mean
    return f"{mean} ({number(min(values))} to {number(max(values))})"


def _cost(results: Results, arm: str, seed: int, parts: Sequence[str]) -> float:
    """CPU seconds that these parts of the arm took: of making tasks, with the shared ones."""
    chain = [arm]
    while after := results.study.arms[chain[-1]].after:
        chain.append(after)
    own = [_parts(results.arms[name][seed].cpu) for name in chain if seed in results.arms[name]]
    cost = sum(one[part] for one in own for part in parts)
    if PARTS[0] in parts and seed in results.shared(arm):
        cost += _parts(results.shared(arm)[seed].cpu)[PARTS[0]]
    return cost


def _parts(cpu: Mapping[str, float]) -> dict[str, float]:
    found = dict.fromkeys(PARTS, 0.0)
    for station, seconds in cpu.items():
        name = StationName(station)
        if name.is_test:
            found["evaluation"] += seconds
        elif name.kind in ("base", "train"):
            found["training"] += seconds
        else:
            found["making tasks"] += seconds
    return found
