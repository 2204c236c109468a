"""What other rewards would have taught, as a table and as JSON values."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from harness.report.figures import UNKNOWN, weight
from harness.report.layout import FirstThatFits, plain_table
from harness.runtime.counting import counted
from harness.training.reward_ablation import Ablation, Effect
from harness.types import Interval, Json


def ablation_values(found: Ablation) -> dict[str, Json]:
    """The same as `harness ablate --json` prints it."""
    return {
        "source": found.groups.source,
        "groups": len(found.groups.values),
        "rollouts": found.groups.rollouts,
        "aggregation": found.rule.aggregation,
        "scale": found.rule.scale,
        "offset": found.rule.offset,
        "weights": dict(found.weights),
        "silent": found.silent,
        "terms": {
            name: {"differs": differs, "mean": mean}
            for name, (differs, mean) in found.spread.items()
        },
        "rows": [_values(effect) for effect in found.effects],
    }


def ablation_table(found: Ablation) -> RenderableType:
    """Each term, and then each variant: how far it moves advantages and ranks, and its silence."""
    head = Text.assemble(
        f"{counted(found.groups.rollouts, 'rollout')} in "
        f"{counted(len(found.groups.values), 'group')}",
        (f" of {found.groups.source}", "dim"),
        (f", advantages by {found.rule.aggregation}, scaled by {found.rule.scale}", "dim"),
        f", {found.silent:.0%} of groups without signal",
    )
    terms = plain_table()
    terms.add_column("term", no_wrap=True)
    for name in ("weight", "mean", "differs in"):
        terms.add_column(name, justify="right", no_wrap=True)
    for name, (differs, mean) in found.spread.items():
        terms.add_row(name, weight(found.weights.get(name)), _number(mean), f"{differs:.0%}")
    table = FirstThatFits([_effects(found, intervals=True), _effects(found, intervals=False)])
    note = Text(
        "moved: mean change of an advantage; flipped: rollouts taught the other way round; rank "
        "agreement: Kendall's tau within groups, where both rewards tell rollouts apart",
        "dim",
    )
    return Group(head, Text(), terms, Text(), table, Text(), note)


def _effects(found: Ablation, *, intervals: bool) -> RenderableType:
    table = plain_table()
    table.add_column("reward", no_wrap=True)
    for name in ("moved", "flipped", "rank agreement", "no signal"):
        table.add_column(name, justify="right", no_wrap=True)
    for effect in found.effects:
        table.add_row(
            effect.variant.name,
            _interval(effect.moved, intervals),
            f"{effect.flipped:.0%}",
            _interval(effect.agreement, intervals),
            f"{effect.silent:.0%}",
        )
    return table


def _values(effect: Effect) -> dict[str, Json]:
    return {
        "name": effect.variant.name,
        "weights": dict(effect.variant.weights),
        "moved": _triple(effect.moved),
        "flipped": effect.flipped,
        "agreement": None if effect.agreement is None else _triple(effect.agreement),
        "silent": effect.silent,
    }


def _triple(interval: Interval) -> list[Json]:
    return [round(value, 6) for value in (interval.value, interval.low, interval.high)]


def _interval(interval: Interval | None, bounded: bool) -> Text:
    if interval is None:
        return Text(UNKNOWN)
    bounds = f" [{_number(interval.low)}, {_number(interval.high)}]" if bounded else ""
    return Text.assemble(_number(interval.value), (bounds, "dim"))


def _number(value: float) -> str:
    text = f"{value:.2f}"
    return text.replace("-", "−") if float(text) else "0.00"
