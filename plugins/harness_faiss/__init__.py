"""Error patterns by FAISS clustering of embedded diagnoses: the default clusterer."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import MissingExtra
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Clusterer, Settings


@hookimpl
def harness_clusterers() -> Mapping[str, Factory[Clusterer]]:
    return {"faiss": _faiss}


def _faiss(settings: Settings) -> Clusterer:
    try:
        from harness_faiss.clusterer import faiss_clusterer
    except ModuleNotFoundError as missing:
        if missing.name != "faiss":
            raise
        raise MissingExtra(
            "the clusterer 'faiss' needs the package faiss-cpu, which is not installed",
            hint="Install it with: pip install 'errata-harness[embed]'",
        ) from None
    return faiss_clusterer(settings)
