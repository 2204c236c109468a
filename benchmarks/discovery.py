"""Measure error discovery on planted faults: is the right party blamed, is each kind a pattern?

    python benchmarks/discovery.py --seeds 1 2 3 [--failures 5000] [--json]

Of several seeds the mean and the worst are told, figure by figure.
Blame is by rules alone. ``blame_precision`` and ``blame_recall`` are those of the party with the
lowest. ``v_measure`` and ``purity`` are of the default clusterer on what the rules blame the agent
for, and on strays: failures that are like no other, which must end as noise. Noise counts as one
more group, strays as one more kind.
"""

from __future__ import annotations

import argparse
import random
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from explanations import reworded
from over_seeds import Worst, add_seed_options, as_json, seeds_of, spread
from planted_faults import Planted, agents_run, planted_corpus
from sklearn.metrics import homogeneity_completeness_v_measure

from harness.discovery.contrast import contrasted, read_signs, wilson
from harness.discovery.diagnose import diagnose, failures
from harness.discovery.drift import compare
from harness.discovery.families import with_families
from harness.discovery.station import landscape
from harness.llm.roles import open_registry
from harness.protocols import Clusterer, Domain, Settings, SurveyingClusterer
from harness.types import Diagnosis, Episode, ErrorPattern, Json, Recipe
from harness_faiss.embedding import AUTO, LEXICAL, MINILM, packaged_embedding
from harness_scripted.mistakes import Choice

STRAYS = 0.02
"""Strays among what is clustered, as a share of it."""

REMOVED = {"retail": "wrong_item", "airline": "wrong_reservation", "telecom": "wrong_line"}
"""The mistake that a domain's cured policy no longer makes; elsewhere one made everywhere."""

TASKS, TRIALS = 250, 4
"""Of each run that rounds are compared on."""

Row = dict[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A diagnosis to be clustered and the kind that was planted."""

    diagnosis: Diagnosis
    kind: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_seed_options(parser)
    parser.add_argument("--failures", type=int, default=5000)
    parser.add_argument("--domain", default="retail")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    runs = [measure(args.domain, seed=seed, size=args.failures) for seed in seeds_of(args)]
    if args.json:
        sys.stdout.write(as_json(runs[0] if len(runs) == 1 else over_seeds(runs)) + "\n")
        return
    for found in runs:
        print_tables(found)
    if len(runs) > 1:
        print_spreads(over_seeds(runs))


def over_seeds(runs: Sequence[Row]) -> Row:
    """The runs, and mean and worst of each figure over their seeds."""
    return {
        "seeds": [run["seed"] for run in runs],
        "over_seeds": {
            name: asdict(spread({_seed(run): figure(run) for run in runs}, worst))
            for name, (figure, worst) in FIGURES.items()
        },
        "runs": list(runs),
    }


def measure(domain_name: str, *, seed: int, size: int) -> Row:
    """All figures of the benchmark, as JSON values."""
    domain = open_registry().make("domain", domain_name, Settings())
    corpus = planted_corpus(domain, seed=seed, size=size)
    told = diagnoses_of(domain, [planted.episode for planted in corpus.failures])
    parties = blame_table(corpus.failures, told)
    cases = [
        Case(diagnosis=diagnosis, kind=planted.kind)
        for planted, diagnosis in zip(corpus.failures, told, strict=True)
        if diagnosis.blame == "agent"
    ]
    cases += strays(round(STRAYS * len(cases)), seed)
    clusterings = clustering_table(cases, seed)
    first = next(row for row in clusterings if row["explanations"] == "of the rules")
    contrast = contrast_table(domain, cases, corpus.failures, corpus.successes, seed)
    return {
        "seed": seed,
        "failures": len(corpus.failures),
        "kinds": dict(Counter(f"{p.blame}: {p.kind}" for p in corpus.failures)),
        "harmless": dict(corpus.spoilt),
        "blame_precision": min(float(str(row["precision"])) for row in parties),
        "blame_recall": min(float(str(row["recall"])) for row in parties),
        "v_measure": first["v_measure"],
        "purity": first["purity"],
        "parties": list(parties),
        "clusterings": list(clusterings),
        "patterns": list(contrast),
        "rounds": rounds_table(domain, seed),
    }


def _seed(run: Row) -> int:
    return int(str(run["seed"]))


def _at(*path: str | int) -> Callable[[Row], float]:
    """The number at a place in a run."""

    def figure(run: Row) -> float:
        found: Any = run
        for step in path:
            found = found[step]
        return float(found)

    return figure


FIGURES: Mapping[str, tuple[Callable[[Row], float], Worst]] = {
    "blame_precision": (_at("blame_precision"), "least"),
    "blame_recall": (_at("blame_recall"), "least"),
    "v_measure": (_at("v_measure"), "least"),
    "purity": (_at("purity"), "least"),
    "strays_in_patterns": (_at("clusterings", 0, "strays_in_patterns"), "most"),
    "mass_keeping_its_id": (_at("rounds", "same_policy", "mass_keeping_its_id"), "least"),
}
"""What is told over seeds: where it stands in a run, and which end is bad."""


def diagnoses_of(domain: Domain, episodes: Sequence[Episode]) -> list[Diagnosis]:
    judge = open_registry().make("judge", "rules", Settings(domain=domain))
    executor = open_registry().make("executor", "asyncio", Settings())
    return diagnose(episodes, judge, domain, executor)


def blame_table(planted: Sequence[Planted], told: Sequence[Diagnosis]) -> list[Row]:
    """Precision and recall of each party, with 95% score intervals."""
    pairs = Counter((p.blame, d.blame) for p, d in zip(planted, told, strict=True))
    rows: list[Row] = []
    for party in dict.fromkeys(p.blame for p in planted):
        right = pairs[party, party]
        blamed = sum(n for (_, said), n in pairs.items() if said == party)
        guilty = sum(n for (was, _), n in pairs.items() if was == party)
        rows.append(
            {
                "party": party,
                "guilty": guilty,
                "blamed": blamed,
                "precision": round(right / blamed, 4) if blamed else 0.0,
                "precision_interval": _interval(right, blamed),
                "recall": round(right / guilty, 4),
                "recall_interval": _interval(right, guilty),
            }
        )
    return rows


def strays(count: int, seed: int) -> list[Case]:
    """Failures of the agent that have not a word in common with any other."""
    rng = random.Random(seed)

    def word() -> str:
        return "".join(rng.choices(string.ascii_lowercase, k=rng.randint(5, 9)))

    return [
        Case(
            diagnosis=Diagnosis(
                trajectory_id=f"stray-{number}",
                task_id=f"stray-{number}",
                blame="agent",
                kind=f"{word()}_{word()}",
                turn=1,
                summary=" ".join(word() for _ in range(rng.randint(6, 14))),
                tool=word(),
            ),
            kind="stray",
        )
        for number in range(count)
    ]


def clustering_table(cases: Sequence[Case], seed: int) -> list[Row]:
    """What the data choose and each embedding, on the rules' explanations, on others' words, and
    on words without a kind.
    """
    rows: list[Row] = []
    models = [AUTO, LEXICAL, *([MINILM] if packaged_embedding() else [])]
    for model in models:
        for explanations in ("of the rules", "reworded", "reworded, kind hidden"):
            rows.append(_clustering(cases, model, explanations, seed))
    return rows


def _clustering(cases: Sequence[Case], model: str, explanations: str, seed: int) -> Row:
    given = [case.diagnosis for case in cases]
    if explanations != "of the rules":
        kept = explanations == "reworded"
        given = [
            d if c.kind == "stray" else reworded(d, seed=seed, with_kind=kept)
            for c, d in zip(cases, given, strict=True)
        ]
    clusterer = _clusterer(model, seed)
    began = time.process_time()
    patterns = clusterer.cluster(given, [])
    seconds = time.process_time() - began
    assert isinstance(clusterer, SurveyingClusterer)
    quality = clusterer.survey().quality
    label = {member: p.id for p in patterns for member in p.members}
    truth = [case.kind for case in cases]
    found = [label.get(d.trajectory_id, "noise") for d in given]
    homogeneity, completeness, v = homogeneity_completeness_v_measure(truth, found)
    synthesised = sum(1 for k, f in zip(truth, found, strict=True) if k == "stray" and f != "noise")
    stability = quality["stability"]
    return {
        "model": model,
        "embedding": quality["embedding"],
        "chosen_by": quality["embedding_chosen_by"],
        "explanations": explanations,
        "patterns": len(patterns),
        "kinds": len(set(truth)) - 1,
        "v_measure": round(float(v), 4),
        "homogeneity": round(float(homogeneity), 4),
        "completeness": round(float(completeness), 4),
        "purity": round(purity(truth, found), 4),
        "noise": quality["noise"],
        "strays": truth.count("stray"),
        "strays_in_patterns": synthesised,
        "silhouette": quality["silhouette"],
        "stability": stability["adjusted_rand"] if isinstance(stability, dict) else None,
        "cpu_seconds": round(seconds, 1),
    }


def purity(truth: Sequence[str], found: Sequence[str]) -> float:
    """The share of things that are of the commonest kind of their group."""
    groups: dict[str, Counter[str]] = {}
    for kind, group in zip(truth, found, strict=True):
        groups.setdefault(group, Counter())[kind] += 1
    return sum(max(kinds.values()) for kinds in groups.values()) / len(truth)


def contrast_table(
    domain: Domain,
    cases: Sequence[Case],
    planted: Sequence[Planted],
    successes: Sequence[Episode],
    seed: int,
) -> list[Row]:
    """The patterns with family, coverage and gap."""
    own = {case.diagnosis.trajectory_id: case.diagnosis for case in cases}
    failed = [p.episode for p in planted if p.episode.trajectory.id in own]
    patterns = _clusterer(LEXICAL, seed).cluster([case.diagnosis for case in cases], [])
    judge = open_registry().make("judge", "rules", Settings(domain=domain))
    executor = open_registry().make("executor", "asyncio", Settings())
    signs = read_signs([*failed, *successes], judge, domain, executor) or {}
    seen = contrasted(
        with_families(patterns, domain.tools),
        {e.trajectory.id: signs[e.trajectory.id] for e in failed},
        {e.trajectory.id: signs[e.trajectory.id] for e in successes},
    )
    return [
        {
            "name": pattern.name,
            "family": pattern.family,
            "share": round(pattern.share, 4),
            "coverage": None if pattern.coverage is None else round(pattern.coverage, 4),
            "gap": _gap(pattern),
        }
        for pattern in seen
    ]


def rounds_table(domain: Domain, seed: int) -> Row:
    """One policy with two seeds, and the same policy cured of one mistake, on the same tasks."""
    tasks = list(islice(domain.generate(seed + 1_000_000, Recipe(split="train")), TASKS))
    removed = REMOVED.get(domain.name, "missing_step")
    runs = [
        agents_run(domain, tasks=tasks, trials=TRIALS, seed=seed + n, choice=choice)
        for n, choice in enumerate((Choice(), Choice(), Choice(without=(removed,))))
    ]
    sides = []
    known: list[ErrorPattern] = []
    for run in runs:
        episodes = [episode for _, episode in run]
        own = [d for d in diagnoses_of(domain, failures(episodes)) if d.blame == "agent"]
        patterns = list(_clusterer(AUTO, seed).cluster(own, known))
        known = known or patterns
        trials = Counter(e.task.id for e in episodes if not e.uncounted)
        sides.append((patterns, landscape(patterns, own, trials)))
    (first, before), (second, again), (_, cured) = sides
    kept = {pattern.id for pattern in first}
    same, changed = compare(before, again, seed=seed), compare(before, cured, seed=seed)
    names = {pattern.id: pattern.name for patterns, _ in sides for pattern in patterns}
    return {
        "tasks": TASKS,
        "trials": TRIALS,
        "same_policy": {
            "mass_keeping_its_id": round(sum(p.share for p in second if p.id in kept), 4),
            "distance": round(same.distance, 4),
            "p": round(same.p, 4),
            "verdict": same.verdict,
            "new": [names[c.pattern_id] for c in same.changes if c.status == "new"],
            "gone": [names[c.pattern_id] for c in same.changes if c.status == "gone"],
        },
        "cured": {
            "removed": removed,
            "distance": round(changed.distance, 4),
            "p": round(changed.p, 4),
            "verdict": changed.verdict,
            "gone": [
                {
                    "name": names[c.pattern_id],
                    "per_100": [
                        round(b, 2)
                        for b in (c.difference.value, c.difference.low, c.difference.high)
                    ],
                    "sure": c.sure,
                }
                for c in changed.changes
                if c.status == "gone"
            ],
            "new": [names[c.pattern_id] for c in changed.changes if c.status == "new"],
        },
    }


def _clusterer(model: str, seed: int) -> Clusterer:
    settings = Settings(options={"model": model}, seed=seed)
    return open_registry().make("clusterer", "faiss", settings)


def _interval(hits: int, of: int) -> Json:
    return [round(bound, 4) for bound in wilson(hits, of)] if of else None


def _gap(pattern: ErrorPattern) -> Json:
    gap = pattern.gap
    return None if gap is None else [round(b, 2) for b in (gap.value, gap.low, gap.high)]


def print_tables(found: Mapping[str, Json]) -> None:
    """The figures for a reader."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=132)
    console.print(f"seed {found['seed']}: {found['failures']} failures of planted causes")
    for name, shown in _SHOWN.items():
        rows = found[name]
        assert isinstance(rows, list)
        table = Table(box=None, header_style="dim", title=name, title_justify="left")
        for column in shown:
            table.add_column(column.replace("_", " "))
        for row in rows:
            assert isinstance(row, dict)
            table.add_row(*(str(row[column]) for column in shown))
        console.print(table)
    console.print_json(as_json(found["rounds"]))
    for key in ("blame_precision", "blame_recall", "v_measure", "purity", "failures"):
        console.print(f"{key:16} {found[key]}")


def print_spreads(found: Row) -> None:
    """Mean and worst seed of each figure."""
    spreads: Any = found["over_seeds"]
    sys.stdout.write(f"over the seeds {found['seeds']}\n")
    for name, row in spreads.items():
        worst = f"worst {row['worst']:.4f} (seed {row['worst_seed']})"
        sys.stdout.write(f"{name:20} mean {row['mean']:.4f}   {worst}\n")


_SHOWN = {
    "parties": ("party", "guilty", "blamed", "precision", "precision_interval", "recall",
                "recall_interval"),
    "clusterings": ("model", "embedding", "explanations", "patterns", "v_measure", "purity",
                    "noise", "strays_in_patterns", "silhouette", "stability", "cpu_seconds"),
    "patterns": ("name", "family", "share", "coverage", "gap"),
}  # fmt: skip


if __name__ == "__main__":
    main()
