"""A lineage as a tree for a terminal, and as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from harness.report.figures import UNKNOWN, bounds, count, number, percent, share, signed
from harness.results.lineage import Found, Lineage, Made, Recovered, Seen, Tried, recovery
from harness.results.rollout_groups import Course, RolloutGroup, courses
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.types import Json

GROUPS = 8
"""Groups of training rollouts that are drawn one by one."""

SHOWN = 5
"""Links of one kind that are drawn."""


def why_tree(found: Lineage) -> RenderableType:
    """The chain from failures to recovery, one branch for each kind of link."""
    tree = Tree(Text.assemble((found.what, "bold"), " ", (found.asked, "cyan")), guide_style="dim")
    _branch(tree, "failed", [_failure(one) for one in found.failures], "no failure")
    _branch(tree, "error pattern", [_pattern(one) for one in found.patterns], _no_pattern(found))
    _branch(tree, "targeted tasks", [_task(one) for one in found.tasks], "none were made")
    _branch(tree, "trained on", _practised(found), "no rollout", limit=20)
    rows = recovery(found.tried) if len({t.task_id for t in found.tried}) > 1 else found.tried
    _branch(tree, "tried on", [_tried(one) for one in rows], "no evaluation", limit=20)
    changes = [_recovered(one) for one in found.recovered]
    _branch(tree, "failures by the pattern", changes, "no later round to compare with")
    return Group(tree)


def why_values(found: Lineage) -> dict[str, Json]:
    """The lineage as JSON values; patterns come without their members."""
    plain = asdict(found)
    for seen in plain["patterns"]:
        for key in ("members", "typical"):
            seen["pattern"].pop(key)
    return plain


def _branch(
    tree: Tree, name: str, leaves: Sequence[Text], nothing: str, limit: int = SHOWN
) -> None:
    many = f" ({count(len(leaves))})" if len(leaves) > 1 else ""
    branch = tree.add(Text(name + many, "bold"))
    for leaf in leaves[:limit]:
        branch.add(leaf)
    if len(leaves) > limit:
        branch.add(Text(f"and {count(len(leaves) - limit)} more", "dim"))
    if not leaves:
        branch.add(Text(nothing, "dim"))


def _no_pattern(found: Lineage) -> str:
    blamed = {one.diagnosis.blame for one in found.failures} - {"agent"}
    if blamed:
        return f"none: quarantined, the fault of the {', '.join(sorted(blamed)).replace('_', ' ')}"
    return "none: noise" if found.failures else "none"


def _failure(one: Found) -> Text:
    diagnosis = one.diagnosis
    words = Text.assemble(
        (diagnosis.trajectory_id, "cyan"),
        f" on task {diagnosis.task_id}, {one.evaluation or 'unknown evaluation'}, "
        f"round {one.round}\n",
        (f"{diagnosis.blame.replace('_', ' ')}: {diagnosis.kind.replace('_', ' ')}", "bold"),
        f" at message {diagnosis.turn}. {clean(diagnosis.summary)}",
    )
    if diagnosis.evidence:
        words.append(f"\n{clean(diagnosis.evidence, 300)}", "dim")
    return words


def _pattern(one: Seen) -> Text:
    pattern = one.pattern
    info = f"  round {one.round}: {share(pattern.share)} of the agent's failures"
    words = Text.assemble((pattern.id, "cyan"), " ", (clean(pattern.name), "bold"), info)
    words.append(f"  {pattern.family}" if pattern.family else "", "magenta")
    words.append("  filtered out" if one.filtered else "", "yellow")
    return words


def _task(one: Made) -> Text:
    origin = one.origin
    words = Text.assemble(
        (one.task_id, "cyan"),
        f" made in round {origin.round} by {origin.injector} for pattern ",
        (origin.pattern_id, "cyan"),
        ", from failure ",
        (origin.trajectory_id, "cyan"),
        f" on task {origin.parent_task_id}",
    )
    words.append(f"; trained on by {', '.join(one.trained)}" if one.trained else "", "dim")
    return words


def _practised(found: Lineage) -> list[Text]:
    """Each group of the training rollouts; where there are many, what they come to by arm."""
    if len(found.practised) <= GROUPS:
        return [_group(group) for group in found.practised]
    return [_course(course) for course in courses(found.practised)]


def _group(one: RolloutGroup) -> Text:
    solved = f"{one.successes} of {one.trials} succeeded"
    style = "green" if one.successes == one.trials else "red" if not one.successes else "yellow"
    words = Text.assemble(
        f"{one.arm}, step {one.step}, group {one.group}, task ",
        (one.task_id, "cyan"),
        ": ",
        (solved, style),
        f", reward {number(one.total)}",
    )
    terms = ", ".join(f"{name.replace('_', ' ')} {number(v)}" for name, v in one.terms.items() if v)
    words.append(f"\n{terms}" if terms else "", "dim")
    words.append(f"\n{one.uncounted} more ended in a fault" if one.uncounted else "", "yellow")
    return words


def _course(one: Course) -> Text:
    halves = " → ".join(UNKNOWN if v is None else f"{percent(v)}%" for v in (one.first, one.second))
    size = f"{counted(one.groups, 'group')} on {counted(one.tasks, 'task')}"
    size = f"{size}, {counted(one.trials, 'rollout')}"
    course = f"{one.arm}: {size}; success by halves of the training "
    return Text.assemble(course, (halves, "bold"))


def _recovered(one: Recovered) -> Text:
    where = f"round {one.before_round} to {one.after_round}: "
    sure = "" if one.sure or one.status == "same" else ", which may be chance"
    change = f"{signed(one.difference.value)} {bounds(one.difference)} per 100 conversations{sure}"
    return Text.assemble(where, (one.status, "bold"), f", {change}")


def _tried(one: Tried) -> Text:
    solved = f"{one.successes} of {one.trials} succeeded"
    style = "green" if one.successes == one.trials else "red" if not one.successes else "yellow"
    return Text.assemble(f"{one.evaluation}, {one.task_id}: ", (solved, style))
