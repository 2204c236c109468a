"""Time the clustering of many failures that no two explain alike, and its memory.

    python benchmarks/discovery_scale.py --failures 10000 [--threads 2] [--model lexical] [--json]

Explanations are reworded planted ones with words of their own, so that every one is distinct: equal
ones cost nothing. The embedding is timed apart from all that follows it (grouping, noise, bootstrap
samples, map, names, ids).
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import time
from collections.abc import Iterator

from explanations import reworded

from harness.protocols import Settings
from harness.types import Diagnosis
from harness_faiss import clusterer as clusterer_module
from harness_faiss.clusterer import FaissClusterer, faiss_clusterer
from harness_faiss.vectors import embed

KINDS = (
    "wrong_order", "wrong_item", "wrong_variant", "wrong_payment_method", "wrong_address",
    "extra_write", "missing_step", "missing_confirmation", "repeated_call", "invalid_call",
    "should_have_refused", "should_have_acted", "gave_up", "needless_transfer",
    "missing_transfer", "not_said",
)  # fmt: skip

TOOLS = ("cancel_order", "exchange_items", "return_items", "modify_address", "modify_payment")

SYLLABLES = ("ba", "ke", "li", "mo", "nu", "pra", "sto", "ve", "zin", "tor", "fal", "gre")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--failures", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--model", default="lexical")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    diagnoses = list(made(args.failures, args.seed))
    before = _peak_mb()
    spent = {"cpu": 0.0, "wall": 0.0}
    _timed_embedding(spent)
    clusterer = faiss_clusterer(
        Settings(options={"model": args.model, "threads": args.threads}, seed=args.seed)
    )
    assert isinstance(clusterer, FaissClusterer)
    cpu, wall = time.process_time(), time.perf_counter()
    patterns = clusterer.cluster(diagnoses, [])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    quality = clusterer.survey().quality
    found = {
        "failures": args.failures,
        "distinct": quality["distinct"],
        "threads": args.threads,
        "neighbours": quality["neighbours"],
        "patterns": len(patterns),
        "noise": quality["noise"],
        "stability": quality["stability"],
        "embedding_cpu_seconds": round(spent["cpu"], 1),
        "beyond_cpu_seconds": round(cpu - spent["cpu"], 1),
        "beyond_wall_seconds": round(wall - spent["wall"], 1),
        "diagnoses_mb": round(before),
        "peak_mb": round(_peak_mb()),
    }
    if args.json:
        sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")
        return
    for name, value in found.items():
        print(f"{name:24} {value}")


def made(count: int, seed: int) -> Iterator[Diagnosis]:
    """Diagnoses of known kinds, each with three words that hardly any other has."""
    rng = random.Random(seed)
    for number in range(count):
        plain = Diagnosis(
            trajectory_id=f"t{number}",
            task_id=f"task{number % 997}",
            blame="agent",
            kind=rng.choice(KINDS),
            turn=1,
            summary="",
            tool=rng.choice(TOOLS),
        )
        said = reworded(plain, seed=seed, with_kind=True)
        own = " ".join("".join(rng.choices(SYLLABLES, k=3)) for _ in range(3))
        yield Diagnosis(
            trajectory_id=said.trajectory_id,
            task_id=said.task_id,
            blame="agent",
            kind=said.kind,
            turn=1,
            summary=f"{said.summary} It was about the {own}.",
            tool=said.tool,
        )


def _timed_embedding(spent: dict[str, float]) -> None:
    def timed(*args: object, **more: object) -> object:
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            return embed(*args, **more)  # type: ignore[arg-type]
        finally:
            spent["cpu"] += time.process_time() - cpu
            spent["wall"] += time.perf_counter() - wall

    clusterer_module.embed = timed  # type: ignore[assignment]


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
