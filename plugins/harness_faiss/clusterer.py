"""Turn diagnoses into error patterns whose ids last from round to round."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.config import read_options
from harness.errors import ConfigError, NothingToLearn
from harness.protocols import Clusterer, Settings
from harness.types import Diagnosis, ErrorPattern
from harness_faiss.embedding import AUTO, Embedding, find_embedding, unit, words
from harness_faiss.grouping import group
from harness_faiss.identity import keep_ids
from harness_faiss.naming import describe, name_groups

WEIGHTS = {"kind": 0.6, "tool": 0.1, "summary": 0.3}
"""What each part of a diagnosis contributes to the cosine between two of them; the sum is 1."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """``model``: see ``find_embedding``. ``max_patterns``: the most groups that are tried.

    ``min_size``: groups with fewer failures are noise, unless none is larger. ``exemplars``: how
    many members stand for a pattern. ``threads``: of FAISS; one makes the last digits reproducible.
    """

    model: str = AUTO
    max_patterns: int = 12
    min_size: int = 2
    exemplars: int = 3
    threads: int = 1


def faiss_clusterer(settings: Settings) -> Clusterer:
    """Raises ``ConfigError`` for a number below 1 and whatever ``find_embedding`` raises."""
    options = read_options(Options, settings, name="faiss")
    for key in ("max_patterns", "min_size", "exemplars", "threads"):
        if getattr(options, key) < 1:
            raise ConfigError(
                f"option {key} of faiss is {getattr(options, key)}, expected at least 1",
                hint="Correct it under [options.faiss].",
            )
    return FaissClusterer(options, find_embedding(options.model), seed=settings.seed)


class FaissClusterer(Clusterer):
    """Groups diagnoses by kind above all, then by what is said of them and by tool.

    The outcome depends on the diagnoses and the seed, not on their order.
    """

    def __init__(self, options: Options, embedding: Embedding, *, seed: int) -> None:
        self.options = options
        self.embedding = embedding
        self.seed = seed
        self.method = f"FAISS k-means on {embedding.method}"

    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        """Patterns by falling share of the diagnoses. Raises ``NothingToLearn`` for none at all."""
        if not diagnoses:
            raise NothingToLearn(
                "there are no diagnoses to find patterns in",
                hint="Evaluate on more or harder tasks, or with more trials.",
            )
        place = {id(d): index for index, d in enumerate(diagnoses)}
        groups = self._groups(diagnoses)
        smallest = min(self.options.min_size, max(map(len, groups)))
        kept = [members for members in groups if len(members) >= smallest]
        patterns = [
            ErrorPattern(
                id="",
                name=name,
                description=describe(members, total=len(diagnoses)),
                members=tuple(d.trajectory_id for d in sorted(members, key=lambda d: place[id(d)])),
                share=len(members) / len(diagnoses),
                exemplars=tuple(d.trajectory_id for d in members[: self.options.exemplars]),
                kinds=dict(Counter(sorted(d.kind for d in members)).most_common()),
            )
            for name, members in zip(name_groups(kept), kept, strict=True)
        ]
        patterns.sort(key=lambda pattern: (-pattern.share, pattern.name))
        return keep_ids(patterns, previous)

    def _groups(self, diagnoses: Sequence[Diagnosis]) -> list[list[Diagnosis]]:
        """The groups, each by falling nearness to its centre."""
        alike: dict[tuple[str, str, str], list[Diagnosis]] = {}
        for diagnosis in sorted(diagnoses, key=lambda d: d.trajectory_id):
            alike.setdefault(_look(diagnosis), []).append(diagnosis)
        looks = sorted(alike)
        vectors = self._embed(looks)
        weights = np.asarray([len(alike[look]) for look in looks], dtype=np.float32)
        labels = group(
            vectors,
            weights,
            max_groups=self.options.max_patterns,
            seed=self.seed,
            threads=self.options.threads,
        )
        found = []
        for label in range(int(labels.max()) + 1):
            rows = np.flatnonzero(labels == label)
            centre = unit(np.average(vectors[rows], axis=0, weights=weights[rows])[None, :])[0]
            nearness = np.round(vectors[rows] @ centre, 4)
            nearest_first = rows[np.argsort(-nearness, kind="stable")]
            found.append([d for row in nearest_first for d in alike[looks[row]]])
        return found

    def _embed(self, looks: Sequence[tuple[str, str, str]]) -> NDArray[np.float32]:
        """Unit vectors whose cosines are the weighted sums of the parts' cosines.

        A last column is for looks without a single word, which are all alike.
        """
        blocks = []
        for part, weight in enumerate(WEIGHTS.values()):
            texts = sorted({look[part] for look in looks})
            row = {text: index for index, text in enumerate(texts)}
            vectors = self.embedding(texts)
            blocks.append(vectors[[row[look[part]] for look in looks]] * weight**0.5)
        vectors = np.concatenate(blocks, axis=1)
        wordless = ~vectors.any(axis=1, keepdims=True)
        return unit(np.concatenate([vectors, wordless.astype(np.float32)], axis=1))


def _look(diagnosis: Diagnosis) -> tuple[str, str, str]:
    """Kind, tool and summary as they are embedded; equal for diagnoses that differ in ids alone."""
    parts = (diagnosis.kind, diagnosis.tool, diagnosis.summary)
    kind, tool, summary = (" ".join(words(part)).replace("<id>", "id") for part in parts)
    return kind, tool, summary
