"""Turn diagnoses into error patterns whose ids last from round to round, and into noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import cos, sin, sqrt
from pathlib import Path
from typing import Annotated

import numpy as np
from annotated_types import Ge, Lt
from numpy.typing import NDArray

from harness.assembly.config import PositiveInt, read_options
from harness.errors import NothingToLearn
from harness.protocols import Clusterer, Progress, Settings
from harness.runtime.cache_folder import cache_folder
from harness.types import Diagnosis, ErrorPattern, Json, Survey
from harness_faiss.cache import VectorCache
from harness_faiss.choice import Choice, Chooser
from harness_faiss.embedding import AUTO, Embedding, find_embedding, packaged_embedding
from harness_faiss.grouping import NOISE, SAME, Grouping, Rule, distances, faiss_threads, group
from harness_faiss.identity import keep_ids
from harness_faiss.layout import places
from harness_faiss.naming import describe, name_groups
from harness_faiss.neighbours import crowded, how
from harness_faiss.quality import silhouette, stability
from harness_faiss.vectors import Look, embed, look

TYPICAL = 8
"""Explanations that a pattern keeps to be recognised by."""

MAPPED = 3000
"""About so many failures have a place on the map, at most."""

STEP, GOLDEN = 0.006, 2.399963
"""Of the spiral in which failures that look alike lie: its width, and its angle in radians."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``model``: "auto" (see ``choice.Chooser``) or as in ``find_embedding``.

    ``max_patterns``: the most groups that are tried.
    ``min_size`` and ``min_share``: a group with fewer failures, or a smaller share of them, is
    noise, unless none is larger; so is a failure with fewer than ``min_size`` within reach, itself
    included. ``exemplars``: how many members stand for a pattern. ``threads``: of FAISS; one makes
    the last digits reproducible. ``cache``: a folder for sentence embeddings, "auto" for the
    user's cache folder, "" for none. ``stability``: whether to group bootstrap samples too.
    """

    model: str = AUTO
    max_patterns: PositiveInt = 40
    min_size: PositiveInt = 2
    min_share: Annotated[float, Ge(0), Lt(1)] = 0.002
    exemplars: PositiveInt = 3
    threads: PositiveInt = 1
    cache: str = AUTO
    stability: bool = True


def faiss_clusterer(settings: Settings) -> Clusterer:
    """Raises ``ConfigError`` for a number out of range and whatever ``find_embedding`` raises."""
    options = read_options(Options, settings, name="faiss")
    cache = _cache(options.cache)
    fixed = None if options.model == AUTO else find_embedding(options.model, cache)
    chooser = Chooser(fixed, lambda: packaged_embedding(cache))
    return FaissClusterer(options, chooser, seed=settings.seed, progress=settings.progress)


class FaissClusterer(Clusterer):
    """Groups diagnoses by kind above all, then by what is said of them and by tool.

    The outcome depends on the diagnoses and the seed, not on their order.
    """

    def __init__(
        self,
        options: Options,
        chooser: Chooser,
        *,
        seed: int,
        progress: Progress | None = None,
    ) -> None:
        self.options = options
        self.chooser = chooser
        self.seed = seed
        self.progress = progress
        self.method = _method(chooser.fixed.method if chooser.fixed else "what suits the failures")
        self._survey = Survey()

    def survey(self) -> Survey:
        """Noise, quality and map of the last clustering."""
        return self._survey

    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        """Patterns by falling share of the diagnoses. Raises ``NothingToLearn`` for none at all."""
        if not diagnoses:
            raise NothingToLearn(
                "there are no diagnoses to find patterns in",
                hint="Evaluate on more or harder tasks, or with more trials.",
            )
        field, choice = self._field(diagnoses)
        self.method = _method(choice.embedding.method)
        members = field.members()
        place = {id(d): index for index, d in enumerate(diagnoses)}
        names = name_groups([[d for d, _ in group] for group in members])
        patterns = [
            ErrorPattern(
                id="",
                name=name,
                description=describe([d for d, _ in group], total=len(diagnoses)),
                members=tuple(
                    d.trajectory_id
                    for d in sorted((d for d, _ in group), key=lambda d: place[id(d)])
                ),
                share=len(group) / len(diagnoses),
                exemplars=tuple(d.trajectory_id for d, _ in group[: self.options.exemplars]),
                kinds=dict(Counter(sorted(d.kind for d, _ in group)).most_common()),
                typical=tuple(dict.fromkeys(_SEPARATOR.join(look) for _, look in group))[:TYPICAL],
            )
            for name, group in zip(names, members, strict=True)
        ]
        found = field.survey()
        self._survey = replace(found, quality={"embedding_chosen_by": choice.why, **found.quality})
        patterns.sort(key=lambda pattern: (-pattern.share, pattern.name))
        return keep_ids(patterns, previous, choice.embedding)

    def _field(self, diagnoses: Sequence[Diagnosis]) -> tuple[_Field, Choice]:
        """The diagnoses, grouped by the embedding that suits them; each is tried at most once."""
        tried: dict[str, _Field] = {}

        def field(embedding: Embedding) -> _Field:
            if embedding.method not in tried:
                tried[embedding.method] = _Field(diagnoses, embedding, self)
            return tried[embedding.method]

        choice = self.chooser.choose(diagnoses, lambda embedding: field(embedding).merit())
        return field(choice.embedding), choice


def _method(embedding: str) -> str:
    return f"FAISS k-means and average linkage on {embedding}"


class _Field:
    """All diagnoses of one clustering, as weighted vectors, grouped."""

    def __init__(
        self, diagnoses: Sequence[Diagnosis], embedding: Embedding, clusterer: FaissClusterer
    ) -> None:
        self.total = len(diagnoses)
        self.options = clusterer.options
        self.embedding = embedding
        self.seed = clusterer.seed
        self.alike: dict[Look, list[Diagnosis]] = {}
        for diagnosis in sorted(diagnoses, key=lambda d: d.trajectory_id):
            self.alike.setdefault(look(diagnosis), []).append(diagnosis)
        self.looks = sorted(self.alike)
        self.weights = np.asarray([len(self.alike[one]) for one in self.looks], dtype=np.float32)
        embedded = embed(self.looks, self.embedding, seed=self.seed, progress=clusterer.progress)
        self.vectors, self.unusable = embedded.vectors, embedded.unusable
        self.strange = embedded.strange
        self.rule = Rule(
            most=self.options.max_patterns,
            least=max(self.options.min_size, self.options.min_share * self.total),
            threads=self.options.threads,
        )
        self.near = self._near()
        self.grouping = self._group()

    def _group(self) -> Grouping:
        """Noise first: what is like no other has no say in how many groups there are."""
        found = group(self.vectors[self.near], self.weights[self.near], self.rule, seed=self.seed)
        labels = np.full(len(self.looks), NOISE)
        labels[self.near] = found.labels
        sizes = np.bincount(
            labels[labels != NOISE], self.weights[labels != NOISE], len(found.centres)
        )
        kept = np.flatnonzero(sizes >= min(self.rule.least, sizes.max()))
        number = np.full(len(found.centres) + 1, NOISE)
        number[kept] = np.arange(len(kept))
        return Grouping(labels=number[labels], centres=found.centres[kept], merit=found.merit)

    def _near(self) -> NDArray[np.bool_]:
        """Which looks have others within reach; all of them where none has."""
        with faiss_threads(self.options.threads):
            close = crowded(
                self.vectors,
                self.weights,
                radius=SAME,
                least=min(self.options.min_size, self.total),
                seed=self.seed,
            )
        near = close & ~self.strange
        return near if near.any() else np.ones(len(near), dtype=bool)

    def merit(self) -> float:
        """The silhouette times the share of the failures in patterns: 0 for a single pattern."""
        inside = self.weights[self.grouping.labels != NOISE].sum() / self.weights.sum()
        return silhouette(self.vectors, self.weights, self.grouping) * float(inside)

    def members(self) -> list[list[tuple[Diagnosis, Look]]]:
        """The members of each group with how they are seen, by falling nearness to its centre."""
        found = []
        for label, centre in enumerate(self.grouping.centres):
            rows = np.flatnonzero(self.grouping.labels == label)
            apart = np.round(distances(self.vectors[rows], centre[None, :])[:, 0], 4)
            nearest_first = rows[np.argsort(apart, kind="stable")]
            found.append(
                [(d, self.looks[row]) for row in nearest_first for d in self.alike[self.looks[row]]]
            )
        return found

    def survey(self) -> Survey:
        labels = self.grouping.labels
        noise = [
            d.trajectory_id
            for row in np.flatnonzero(labels == NOISE)
            for d in self.alike[self.looks[row]]
        ]
        return Survey(noise=tuple(noise), quality=self._quality(len(noise)), places=self._places())

    def _quality(self, noise: int) -> dict[str, Json]:
        index = (
            stability(
                self.vectors[self.near],
                self.weights[self.near],
                replace(self.grouping, labels=self.grouping.labels[self.near]),
                self.rule,
                seed=self.seed,
            )
            if self.options.stability
            else []
        )
        return {
            "embedding": self.embedding.method,
            "embedding_version": self.embedding.version,
            "seed": self.seed,
            "failures": self.total,
            "distinct": len(self.looks),
            "patterns": len(self.grouping.centres),
            "patterns_chosen_by": "best silhouette times coverage over all average-linkage stages, "
            f"of at most {self.rule.most} groups of {self.rule.least:g} failures or more",
            "neighbours": how(len(self.looks)),
            "silhouette": round(silhouette(self.vectors, self.weights, self.grouping), 4),
            "noise": round(noise / self.total, 4),
            "coverage": round(1 - noise / self.total, 4),
            "stability": _summary(index),
            "unusable_embeddings": self.unusable,
        }

    def _places(self) -> dict[str, tuple[float, float]]:
        """Those that look alike lie in a spiral around one place, the more the wider."""
        every = max(1, self.total // MAPPED)
        shown = [
            (row, turn, one)
            for row, look in enumerate(self.looks)
            for turn, one in enumerate(self.alike[look])
        ][::every]
        rows = np.unique([row for row, _, _ in shown])
        found = places(self.vectors[rows], self.grouping.labels[rows], self.grouping.centres)
        at = dict(zip(rows.tolist(), found.tolist(), strict=True))
        return {
            one.trajectory_id: (
                at[row][0] + STEP * sqrt(turn / every) * cos(GOLDEN * turn),
                at[row][1] + STEP * sqrt(turn / every) * sin(GOLDEN * turn),
            )
            for row, turn, one in shown
        }


def _summary(values: Sequence[float]) -> Json:
    """Mean and range of the adjusted Rand indices; None if there are none."""
    if not values:
        return None
    return {
        "adjusted_rand": round(float(np.mean(values)), 4),
        "low": round(min(values), 4),
        "high": round(max(values), 4),
        "resamples": len(values),
    }


def _cache(option: str) -> VectorCache | None:
    if not option:
        return None
    folder = cache_folder() / "embeddings" if option == AUTO else Path(option)
    return VectorCache(folder)


_SEPARATOR = "\t"
