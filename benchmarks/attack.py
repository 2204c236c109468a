"""Attack what the harness keeps and what it reads: kills, full disks, damaged folders, inputs of
strangers and hostile text; every count of failures must be 0.

``--state FILE`` keeps what was tried, so that the rest can be tried later; ``--markdown FILE``
writes what became of it between the two marks of a page.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from damaged_folders import damaged
from dying_process import How
from fuzzed_inputs import DOORS, Fuzz
from killed_stations import STATIONS, Bench, Station, prepare

HOWS: tuple[How, ...] = ("killed", "torn", "full")
KINDS = ("kills", "damaged", "fuzzed")
BATCH = 500
"""Fuzzed inputs, and damaged folders, that are kept as one."""
COUNTS = ("lost", "doubled", "differing", "stuck")

START, END = "<!-- attack: start -->", "<!-- attack: end -->"

Try = Mapping[str, Any]


def main() -> None:
    given = _arguments().parse_args()
    until = time.monotonic() + (given.seconds or float("inf"))
    state = _State(given.state)
    with tempfile.TemporaryDirectory() as scratch:
        prepare(Path(scratch))
        attack = Attack(Path(scratch), given, state)
        for kind in () if given.summary else given.only or KINDS:
            for tried in getattr(attack, kind)():
                state.keep(tried)
                if time.monotonic() > until:
                    break
    found = summary(state.tries)
    print(told(found), file=sys.stderr)
    if given.markdown:
        before, _, rest = given.markdown.read_text().partition(START)
        after = rest.partition(END)[2]
        given.markdown.write_text(f"{before}{START}\n{told(found)}\n{END}{after}")
    if given.json:
        print(json.dumps(found, indent=2, allow_nan=False))
    sys.exit(found["failures"] > 0)


class Attack:
    """The tries of each kind that were not made yet, made one by one."""

    def __init__(self, folder: Path, given: argparse.Namespace, state: _State) -> None:
        self.folder = folder
        self.given = given
        self._state = state
        self._benches: dict[int, Bench] = {}

    def kills(self) -> Iterator[Try]:
        """Each station ended at each operation that changes files, before it or with half of it
        written, or with no space left from there on.
        """
        given = self.given
        stations = [s for s in STATIONS if not given.station or s.name in given.station]
        for how in given.how or HOWS:
            for seed in range(given.seed, given.seed + given.seeds):
                for station in stations:
                    yield from self._kills(seed, how, station)

    def damaged(self) -> Iterator[Try]:
        """Folders with one damage each, opened by one command each."""
        for seed, count in self._batches(self.given.damaged):
            tried = {"kind": "damaged", "seed": seed}
            if self._state.is_new(tried):
                yield {**tried, **asdict(damaged(self._template, self.folder, count, seed))}

    def fuzzed(self) -> Iterator[Try]:
        """Inputs of strangers, changed at random, at each of the doors where they come in."""
        bench = self._bench(self.given.seed)
        recording = bench.begun(["talk", "record"]) / "recording.json"
        fuzz = Fuzz(self._template, recording, self.folder)
        for number, door in enumerate(DOORS):
            share = (self.given.fuzzed + number) // len(DOORS)
            for seed, count in self._batches(share):
                tried = {"kind": "fuzzed", "door": door, "seed": seed}
                if self._state.is_new(tried):
                    yield {**tried, **asdict(fuzz.tried(door, count, seed))}

    def _kills(self, seed: int, how: How, station: Station) -> Iterator[Try]:
        bench = self._bench(seed)
        operations = bench.operations(station)
        places = [at for at, operation in enumerate(operations, 1) if operation.can(how)]
        for at in some(places, self.given.kills, seed):
            tried = {"kind": "kills", "station": station.name, "how": how, "seed": seed, "at": at}
            if self._state.is_new(tried):
                yield {**tried, **asdict(bench.attack(station, how, at))}

    def _batches(self, count: int) -> Iterator[tuple[int, int]]:
        """Seeds, and how many of the ``count`` are of each."""
        for number, begin in enumerate(range(0, count, BATCH)):
            yield self.given.seed + number, min(BATCH, count - begin)

    @cached_property
    def _template(self) -> Path:
        """A folder with a run and a study in it."""
        return self._bench(self.given.seed).begun(["loop", "study"])

    def _bench(self, seed: int) -> Bench:
        if seed not in self._benches:
            judged = [t for t in self._state.tries if t["kind"] == "kills" and t["seed"] == seed]
            self._benches[seed] = Bench(self.folder / f"seed-{seed}", seed, judged)
        return self._benches[seed]


class _State:
    """What was tried, in this process and, with a file, in those before it."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        lines = file.read_text().splitlines() if file and file.exists() else []
        self.tries: list[Try] = [json.loads(line) for line in lines]
        self._known = {_key(tried) for tried in self.tries}

    def is_new(self, tried: Try) -> bool:
        return _key(tried) not in self._known

    def keep(self, tried: Try) -> None:
        self.tries.append(tried)
        self._known.add(_key(tried))
        if self._file:
            with self._file.open("a") as file:
                file.write(json.dumps(tried, allow_nan=False) + "\n")
        bad = _failures(tried)
        if bad or len(self.tries) % 50 == 0:
            print(f"{len(self.tries)} {'; '.join(map(str, _key(tried)))}", file=sys.stderr)
        for example in tried.get("examples", ()) if bad else ():
            print(f"    {example}", file=sys.stderr)


def summary(tries: Sequence[Try]) -> dict[str, Any]:
    """Tries and failures by kind, and the table of kills."""
    of: dict[str, list[Try]] = {kind: [t for t in tries if t["kind"] == kind] for kind in KINDS}
    rows: dict[tuple[str, str], Counter[str]] = {}
    for tried in of["kills"]:
        row = rows.setdefault((tried["station"], tried["how"]), Counter())
        row.update({"tries": 1, **{name: tried[name] for name in COUNTS}})
    order = {station.name: place for place, station in enumerate(STATIONS)}
    kills = [
        {"station": station, "how": how, **{name: rows[station, how][name] for name in _ROW}}
        for station, how in sorted(rows, key=lambda row: (order[row[0]], HOWS.index(row[1])))
    ]
    counts = {
        kind: {"tries": sum(map(_tries, of[kind])), "failures": sum(map(_failures, of[kind]))}
        for kind in KINDS
    }
    return {
        "failures": sum(count["failures"] for count in counts.values()),
        "kinds": counts,
        "seeds": sorted({tried["seed"] for tried in of["kills"]}),
        "kills": kills,
        "resumed": {
            name: len({(t["seed"], t["left"]) for t in of["kills"] if t["station"] == name})
            for name in dict.fromkeys(row["station"] for row in kills)
        },
        "doors": dict(sum((Counter({t["door"]: t["tries"]}) for t in of["fuzzed"]), Counter())),
        "examples": [e for t in tries if _failures(t) for e in t["examples"]][:50],
    }


def table(found: Mapping[str, Any]) -> str:
    """The kills as Markdown, a row for each station: all ways to end it together."""
    heads = ["station", "kills", "torn writes", "full disks", "resumed", *COUNTS]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for station, resumed in found["resumed"].items():
        rows = [row for row in found["kills"] if row["station"] == station]
        tries = [sum(row["tries"] for row in rows if row["how"] == how) for how in HOWS]
        counts = [sum(row[name] for row in rows) for name in COUNTS]
        numbers = (*tries, resumed, *counts)
        lines.append(f"| `{station}` | " + " | ".join(f"{n:,}" for n in numbers) + " |")
    return "\n".join(lines)


def told(found: Mapping[str, Any]) -> str:
    """Everything as Markdown: the kills, and a row for each kind."""
    seeds = ", ".join(map(str, found["seeds"]))
    lines = ["| kind | tries | failures |", "|---|---|---|"]
    for kind, count in found["kinds"].items():
        what = f"{kind}, seeds {seeds}" if kind == "kills" and seeds else kind
        lines.append(f"| {what} | {count['tries']:,} | {count['failures']} |")
    lines += ["", table(found)]
    return "\n".join(lines)


def some(places: Sequence[int], count: int, seed: int) -> Sequence[int]:
    """``count`` of the places, those of a smaller count among them; 0: all."""
    every = [*places]
    random.Random(seed).shuffle(every)
    return sorted(every[: count or len(every)])


_ROW = ("tries", *COUNTS)


def _key(tried: Try) -> tuple[Any, ...]:
    return tuple(tried.get(name) for name in ("kind", "station", "door", "how", "seed", "at"))


def _tries(tried: Try) -> int:
    return int(tried.get("tries", 1))


def _failures(tried: Try) -> int:
    return int(tried.get("failures", sum(tried.get(name, 0) for name in COUNTS)))


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=KINDS, help="kinds; repeatable")
    parser.add_argument("--seconds", type=float, default=0, help="end after so many; 0: when done")
    parser.add_argument("--state", type=Path, help="file of what was tried, to go on from")
    parser.add_argument("--seed", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=5, help="of kills")
    parser.add_argument("--kills", type=int, default=0, help="per station, way and seed; 0: all")
    parser.add_argument("--station", action="append", help="only these; repeatable")
    parser.add_argument("--how", action="append", choices=HOWS)
    parser.add_argument("--damaged", type=int, default=5_000, help="damaged folders")
    parser.add_argument("--fuzzed", type=int, default=200_000, help="fuzzed inputs")
    parser.add_argument("--summary", action="store_true", help="try nothing, only sum up")
    parser.add_argument("--markdown", type=Path, help="a page with the marks of this script")
    parser.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    main()
