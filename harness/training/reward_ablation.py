"""Turn stored rollouts into what another reward would have taught: each term left out, each alone,
and other weights, without training.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import NDArray

from harness.errors import RunError
from harness.evaluation.metrics import mean_interval
from harness.run_folder import RunFolder
from harness.training.advantages import Aggregation, Scale, term_advantages
from harness.training.rollout_log import read_rollouts, rollouts_file
from harness.types import Interval

SILENT = 1e-6
"""A group whose advantages are all nearer to 0 than this teaches nothing."""

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """Rollouts grouped by task and step, with the values of their reward terms.

    ``values``: (groups, rollouts, terms), NaN where a group is smaller or a rollout did not count;
    ``names`` are those of the terms, ``source`` says where the rollouts are from.
    """

    source: str
    names: tuple[str, ...]
    values: Values

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Shape (groups, rollouts): where there is a rollout that counts."""
        known: NDArray[np.bool_] = np.isfinite(self.values.sum(axis=2))
        return known

    @property
    def rollouts(self) -> int:
        return int(self.counted.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How values become advantages: see ``harness.training.advantages.term_advantages``."""

    aggregation: Aggregation = "sum_then_normalize"
    scale: Scale = "group"
    offset: float = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """Another reward: its name and the weights of all terms by name."""

    name: str
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a variant does to the advantages of the same rollouts, with intervals over groups.

    ``moved`` is the mean distance of a rollout's two advantages (in the unit of advantages),
    ``flipped`` the share of rollouts that would be taught the other way round, ``agreement``
    Kendall's tau-b in [-1, 1] of the ranks within groups that have some under both rewards (None:
    there are no such groups), ``silent`` the share of groups without a signal.
    """

    variant: Variant
    moved: Interval
    flipped: float
    agreement: Interval | None
    silent: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """The effects of all variants; ``spread`` is, by term, the share of groups in which it differs
    and its mean value.
    """

    groups: Groups
    rule: Rule
    weights: Mapping[str, float]
    silent: float
    spread: Mapping[str, tuple[float, float]]
    effects: Sequence[Effect] = field(default_factory=tuple)


def ablate(
    groups: Groups, weights: Mapping[str, float], variants: Sequence[Variant], rule: Rule
) -> Ablation:
    """What each variant would change against the reward with these weights."""
    reference = advantages(groups, weights, rule)
    counted = groups.counted
    differs = [_differs(groups.values[:, :, at]) for at in range(len(groups.names))]
    return Ablation(
        groups=groups,
        rule=rule,
        weights=weights,
        silent=_silent(reference),
        spread={
            name: (float(differs[at].mean()), float(np.nanmean(groups.values[:, :, at])))
            for at, name in enumerate(groups.names)
        },
        effects=[
            _effect(variant, reference, advantages(groups, variant.weights, rule), counted)
            for variant in variants
        ],
    )


def advantages(groups: Groups, weights: Mapping[str, float], rule: Rule) -> NDArray[np.float32]:
    """Shape (groups, rollouts), 0 where a rollout did not count."""
    vector = np.asarray([weights.get(name, 0.0) for name in groups.names])
    return term_advantages(
        groups.values, vector, aggregation=rule.aggregation, scale=rule.scale, offset=rule.offset
    )


def dropped(weights: Mapping[str, float], names: Sequence[str] = ()) -> Iterator[Variant]:
    """The reward without each of its terms, or of those named."""
    for name in names or weights:
        yield Variant(name=f"without {name}", weights={**weights, name: 0.0})


def alone(weights: Mapping[str, float], names: Sequence[str] = ()) -> Iterator[Variant]:
    """Each of its terms, or of those named, and no other."""
    for name in names or weights:
        yield Variant(name=f"only {name}", weights={name: weights[name]})


def grid(weights: Mapping[str, float], axes: Mapping[str, Sequence[float]]) -> Iterator[Variant]:
    """The reward with every combination of the weights given by term."""
    for combination in product(*axes.values()):
        chosen = dict(zip(axes, combination, strict=True))
        name = " ".join(f"{term}={weight:g}" for term, weight in chosen.items())
        yield Variant(name=name, weights={**weights, **chosen})


# --- where rollouts are from ----------------------------------------------------------------------


def stored_groups(store: RunFolder, source: str = "") -> Groups:
    """The rollouts of a training (``source`` an arm, such as rl-1) or of an evaluation.

    Without a source: of all trainings by reinforcement; of the evaluation with the most
    conversations, if there was none. Raises ``RunError`` if there are none with reward terms.
    """
    arms = sorted(path.parent.name for path in store.folder.glob(rollouts_file("*")))
    evaluations = store.evaluations()
    if source and source not in (*arms, *evaluations):
        known = ", ".join((*arms, *evaluations)) or "nothing"
        raise RunError(
            f"{store.folder} has no rollouts of {source!r}", hint=f"It has those of: {known}."
        )
    chosen = [source] if source else arms
    found: list[list[dict[str, float]]] = []
    for arm in chosen:
        if arm in arms:
            found += _trained(store, arm)
    if not found:
        chosen = [source] if source else _largest(store, evaluations)
        found = [group for name in chosen for group in _evaluated(store, name)]
    return _grouped(", ".join(chosen), found, store)


def _trained(store: RunFolder, arm: str) -> list[list[dict[str, float]]]:
    groups: dict[tuple[int, int], list[dict[str, float]]] = {}
    for row in read_rollouts(store, arm):
        if not row.uncounted:
            groups.setdefault((row.step, row.group), []).append(dict(row.terms))
    return list(groups.values())


def _largest(store: RunFolder, evaluations: Sequence[str]) -> list[str]:
    sizes = {
        name: (store.folder / f"evals/{name}/episodes.jsonl").stat().st_size for name in evaluations
    }
    return [max(sizes, key=lambda name: sizes[name])] if sizes else []


def _evaluated(store: RunFolder, evaluation: str) -> list[list[dict[str, float]]]:
    groups: dict[str, list[dict[str, float]]] = {}
    for row in store.read_outlines(evaluation):
        if row.score.terms and not row.uncounted:
            values = {term.name: term.value for term in row.score.terms}
            groups.setdefault(row.trajectory.task_id, []).append(values)
    return list(groups.values())


def _grouped(
    source: str, found: Sequence[Sequence[Mapping[str, float]]], store: RunFolder
) -> Groups:
    if not found or max(map(len, found)) < 2:
        raise RunError(
            f"{store.folder} has no task with two rollouts that have reward terms",
            hint="Train with RL, or evaluate several times: `harness eval --trials 4`.",
        )
    names = tuple(dict.fromkeys(name for group in found for row in group for name in row))
    values = np.full((len(found), max(map(len, found)), len(names)), np.nan)
    for at, group in enumerate(found):
        for place, row in enumerate(group):
            values[at, place] = [row.get(name, np.nan) for name in names]
    return Groups(source=source, names=names, values=values)


# --- effects --------------------------------------------------------------------------------------


def _effect(
    variant: Variant,
    reference: NDArray[np.float32],
    changed: NDArray[np.float32],
    counted: NDArray[np.bool_],
) -> Effect:
    distance = np.where(counted, np.abs(changed - reference), 0.0).sum(axis=1)
    each = distance / np.maximum(counted.sum(axis=1), 1)
    taus = _kendall(reference, changed, counted)
    known = taus[~np.isnan(taus)]
    return Effect(
        variant=variant,
        moved=mean_interval(each),
        flipped=float(((reference * changed) < 0).sum() / max(1, counted.sum())),
        agreement=mean_interval(known) if len(known) else None,
        silent=_silent(changed),
    )


def _kendall(
    one: NDArray[np.float32], other: NDArray[np.float32], counted: NDArray[np.bool_]
) -> Values:
    """Kendall's tau-b of the two rows of each group; NaN where one of them is all ties."""
    first, second = np.triu_indices(one.shape[1], k=1)
    pairs = counted[:, first] & counted[:, second]
    signs = [
        np.where(pairs, np.sign(np.round(row[:, first] - row[:, second], 6)), 0.0)
        for row in (one, other)
    ]
    strict = [np.abs(sign).sum(axis=1) for sign in signs]
    norm = np.sqrt(strict[0] * strict[1])
    concordance = (signs[0] * signs[1]).sum(axis=1)
    taus: Values = np.divide(
        concordance, norm, out=np.full(len(norm), np.nan), where=norm > 0, dtype=np.float64
    )
    return taus


def _silent(found: NDArray[np.float32]) -> float:
    return float((np.abs(found) < SILENT).all(axis=1).mean())


def _differs(values: Values) -> NDArray[np.bool_]:
    """Which groups have two values that are not alike."""
    missing = np.isnan(values)
    high = np.where(missing, -np.inf, values).max(axis=1)
    low = np.where(missing, np.inf, values).min(axis=1)
    differs: NDArray[np.bool_] = high - low > SILENT
    return differs
