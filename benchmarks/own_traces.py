"""Measure discovery without a domain: are planted mistakes found in conversations from logs?

    python benchmarks/own_traces.py --seeds 1 2 3 [--conversations 2000] [--json]

A noisy policy makes one known mistake in most conversations on retail. They are written as OpenAI
chat JSONL, with a reward, and without domain, task or gold; discovery reads that file alone, by
rules and the default clusterer. ``v_measure`` is of its groups against the planted kinds, over all
failures with a kind that shows in a conversation (``VISIBLE``); noise counts as one more group.
``v_measure_all`` is over all failures. ``kinds`` has the signs seen for each kind, and
``false_alarms`` the share of successful conversations with each sign.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from over_seeds import Worst, add_seed_options, as_json, seeds_of, spread
from planted_faults import agents_run
from sklearn.metrics import homogeneity_completeness_v_measure

from harness.discovery.contrast import read_signs
from harness.discovery.diagnose import failures
from harness.interchange.foreign import Adoption
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.run_folder import RunFolder
from harness.study.comparison import Reading, discover_source
from harness.types import Episode, Json, Message, Recipe

VISIBLE = frozenset(
    {"extra_write", "gave_up", "invalid_call", "missing_confirmation", "missing_step",
     "needless_transfer", "repeated_call", "should_have_acted", "wrong_address", "wrong_item",
     "wrong_order", "wrong_payment_method", "wrong_variant"}
)  # fmt: skip
"""The planted kinds that leave a mark in the conversation itself. The others do not: that an answer
lacks a figure (``not_said``), or that the policy demanded another outcome than the agent chose
(``should_have_refused``, ``missing_transfer``), is in no transcript.
"""

FIGURES: Mapping[str, Worst] = {"v_measure": "least", "v_measure_all": "least"}

Row = dict[str, Json]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add_seed_options(parser)
    parser.add_argument("--conversations", type=int, default=2000)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    runs = [measure(seed=seed, size=args.conversations) for seed in seeds_of(args)]
    found: Row = {"runs": list(runs), "over_seeds": over_seeds(runs)}
    sys.stdout.write(as_json(found) + "\n" if args.json else table(found))


def measure(*, seed: int, size: int) -> Row:
    """All figures for one seed, as JSON values."""
    domain = open_registry().make("domain", "retail", Settings())
    tasks = list(islice(domain.generate(seed + 2_000_000, Recipe(split="train")), size))
    planted = agents_run(domain, tasks=tasks, trials=1, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "agent.jsonl"
        file.write_text("".join(f"{json.dumps(record(e), allow_nan=False)}\n" for _, e in planted))
        store, _ = discover_source(
            file, 1, Reading(adoption=Adoption(outcome="reward")), out=Path(folder) / "run"
        )
        rows = list(compared(store, planted))
        alarms, redacted = false_alarms(store), _redacted(store)
    visible = [row for row in rows if row[0] in VISIBLE]
    signs: dict[str, Counter[str]] = {}
    for kind, _, sign in rows:
        signs.setdefault(kind, Counter())[sign] += 1
    return {
        "seed": seed,
        "conversations": len(planted),
        "failures": len(rows),
        "visible": len(visible),
        **v_measure(visible),
        "v_measure_all": v_measure(rows)["v_measure"],
        "patterns": len({group for _, group, _ in rows} - {"noise"}),
        "kinds": {kind: dict(found.most_common()) for kind, found in sorted(signs.items())},
        "false_alarms": alarms,
        "redacted": redacted,
    }


def record(episode: Episode) -> Row:
    """The conversation as an agent's log has it."""
    return {
        "messages": [message(m) for m in episode.trajectory.messages],
        "reward": float(episode.score.success),
    }


def message(one: Message) -> Row:
    if one.role == "tool":
        return {"role": "tool", "tool_call_id": one.call_id, "content": one.content}
    calls: list[Json] = [
        {
            "id": call.id,
            "type": "function",
            "function": {
                "name": call.name,
                "arguments": json.dumps(dict(call.arguments), allow_nan=False),
            },
        }
        for call in one.calls
    ]
    return {"role": one.role, "content": one.content, **({"tool_calls": calls} if calls else {})}


def compared(
    store: RunFolder, planted: Sequence[tuple[str, Episode]]
) -> Iterator[tuple[str, str, str]]:
    """Of each failure: the planted kind, the group it ended in, and the sign that was seen."""
    from harness.discovery.station import round_patterns
    from harness.types import Diagnosis

    group = {member: p.id for p in round_patterns(store, 1) for member in p.members}
    said = {d.trajectory_id: d for d in store.read_values("rounds/1/diagnoses.jsonl", Diagnosis)}
    kept = conversations(store)
    for (kind, original), episode in zip(planted, kept, strict=True):
        if failures([original]):
            id = episode.trajectory.id
            yield kind, group.get(id, "noise"), said[id].kind


def conversations(store: RunFolder) -> list[Episode]:
    """The imported conversations in the order of the file."""
    from harness.evaluation.station import read_evaluation

    return list(read_evaluation(store, store.evaluations()[0]))


def false_alarms(store: RunFolder) -> Row:
    registry = open_registry()
    config: Any = store.config
    domain = registry.make("domain", "recorded", Settings(options=config["options"]["recorded"]))
    judge = registry.make("judge", "conduct", Settings(domain=domain))
    executor = registry.make("executor", "asyncio", Settings())
    good = [e for e in conversations(store) if e.score.success]
    signs = read_signs(good, judge, domain, executor) or {}
    counts = Counter(sign for found in signs.values() for sign in found)
    return {sign: round(count / len(good), 4) for sign, count in counts.most_common()}


def v_measure(rows: Sequence[tuple[str, str, str]]) -> Row:
    names = ("homogeneity", "completeness", "v_measure")
    truth, found = [row[0] for row in rows], [row[1] for row in rows]
    figures = homogeneity_completeness_v_measure(truth, found)
    return {name: round(float(value), 4) for name, value in zip(names, figures, strict=True)}


def _redacted(store: RunFolder) -> Json:
    about = store.read_field(f"evals/{store.evaluations()[0]}/about.json", "about", dict[str, Any])
    counts: Json = about["redacted"]
    return counts


def over_seeds(runs: Sequence[Row]) -> Row:
    """Mean and worst of each figure."""
    return {
        name: asdict(spread({int(str(r["seed"])): float(str(r[name])) for r in runs}, worst))
        for name, worst in FIGURES.items()
    }


def table(found: Mapping[str, Any]) -> str:
    """The figures for a reader."""
    lines = []
    for run in found["runs"]:
        lines.append(
            f"seed {run['seed']}: {run['failures']} failures of {run['conversations']}, "
            f"{run['visible']} visible; V {run['v_measure']}, over all {run['v_measure_all']}; "
            f"{run['patterns']} patterns"
        )
        lines += [f"  {kind:22} {signs}" for kind, signs in run["kinds"].items()]
        lines.append(f"  in successes: {run['false_alarms']}")
    for name, row in found["over_seeds"].items():
        lines.append(f"{name}: mean {row['mean']:.4f}, worst {row['worst']:.4f}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
