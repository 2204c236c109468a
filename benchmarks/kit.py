"""Measure the conformance kit: what it finds in broken plugins, and what it says of sound ones.

    python benchmarks/kit.py [--json | --markdown] [--kind KIND ...]

Each kind has plugins that break one rule each (``tests/contracts/seeded_plugins.py``): one counts
as caught if the check finds something in the words of that flaw. Sound plugins of the tests and all
built-in ones must have no finding; those that do are false alarms. ``seconds`` is the CPU time of
the kit on a built-in plugin, in the mean.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness.assembly.registry import KINDS
from harness.llm.roles import open_registry
from harness.testing.kit import Kit, Verdict
from tests.contracts.seeded_plugins import Seeded, finds, seeded_plugins

OURS = "errata-harness:"

Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--markdown", action="store_true", help="the table of docs/plugins.md")
    parser.add_argument("--kind", nargs="*", choices=[*KINDS], default=[*KINDS])
    args = parser.parse_args()
    kit, seeded = Kit(open_registry()), seeded_plugins()
    rows = []
    for kind in args.kind:
        verdicts = [verdict for verdict in kit.all(kind) if verdict.plugin.startswith(OURS)]
        rows.append({**seeded_row(kind, seeded[kind]), **built_in_row(kind, verdicts)})
    written = json.dumps(rows, indent=2, allow_nan=False) + "\n" if args.json else markdown(rows)
    sys.stdout.write(written if args.json or args.markdown else written + details(rows))


def seeded_row(kind: str, seeded: Seeded) -> Row:
    """What the check finds in the plugins of the tests."""
    missed = [
        type(product).__name__
        for product, words in seeded.broken
        if not _in_a_folder(seeded, product, words)
    ]
    alarms = [type(one).__name__ for one in seeded.sound if _in_a_folder(seeded, one, "")]
    return {
        "kind": kind,
        "bad": len(seeded.broken),
        "caught": len(seeded.broken) - len(missed),
        "missed": missed,
        "sound": len(seeded.sound),
        "false_alarms": alarms,
    }


def built_in_row(kind: str, verdicts: Sequence[Verdict]) -> Row:
    """What the kit says of the built-in plugins of a kind."""
    checked = [verdict for verdict in verdicts if verdict.state != "not checked"]
    return {
        "built_in": len(checked),
        "passing": sum(verdict.state == "passes" for verdict in checked),
        "broken": [verdict.name for verdict in checked if verdict.state == "broken"],
        "not_checked": {v.name: v.reason for v in verdicts if v.state == "not checked"},
        "seconds": round(sum(v.seconds for v in checked) / max(1, len(checked)), 2),
    }


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each kind; false alarms are those in sound plugins and in built-in ones."""
    lines = [
        "| kind | seeded-bad caught | built-in passing | false alarms | seconds each |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        alarms = len(row["false_alarms"]) + len(row["broken"])
        lines.append(
            f"| {row['kind']} | {row['caught']} / {row['bad']} | {row['passing']} / "
            f"{row['built_in']} | {alarms} | {row['seconds']:.2f} |"
        )
    return "\n".join(lines) + "\n"


def details(rows: Sequence[Mapping[str, Any]]) -> str:
    """What was missed, what was a false alarm, and what was not checked and why."""
    lines = []
    for row in rows:
        lines += [f"{row['kind']}: missed {name}" for name in row["missed"]]
        lines += [f"{row['kind']}: alarm {n}" for n in (*row["false_alarms"], *row["broken"])]
        lines += [f"{row['kind']}: {n} not checked: {w}" for n, w in row["not_checked"].items()]
    return "\n".join(lines) + "\n"


def _in_a_folder(seeded: Seeded, product: Any, words: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return finds(seeded, product, words, Path(folder))


if __name__ == "__main__":
    main()
