"""Attack what the harness keeps: kills, full disks and damaged folders; every count must be 0."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from damaged_folders import Damaged, damaged
from dying_process import How
from killed_stations import STATIONS, Bench, Tally, some

HOWS: tuple[How, ...] = ("killed", "torn", "full")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--kills", type=int, default=0, help="per station and kind; 0: all; -1: none"
    )
    parser.add_argument("--station", action="append", help="only these; repeatable")
    parser.add_argument("--how", action="append", choices=HOWS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--damaged", type=int, default=5000, help="damaged folders")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    stations = STATIONS if given.kills >= 0 else ()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(Path(scratch))
        rows = []
        for station in stations:
            if given.station and station.name not in given.station:
                continue
            for how in given.how or HOWS:
                tally = bench.tally(station, how, some(given.kills, given.seed))
                rows.append({"station": station.name, "how": how, **asdict(tally)})
                print(_line(station.name, how, tally), file=sys.stderr)
        spoiled = Damaged()
        if given.damaged:
            template = bench.begun(["loop", "study"])
            spoiled = damaged(template, Path(scratch), given.damaged, given.seed)
    print(f"{spoiled.tries} damaged folders, {spoiled.failures} tracebacks", file=sys.stderr)
    for place, count in spoiled.places.most_common():
        print(f"    {count} x {place}", file=sys.stderr)
    if given.json:
        found = {"seed": given.seed, "kills": rows, "damaged": asdict(spoiled)}
        print(json.dumps(found, indent=2, allow_nan=False))
    bad = any(row[what] for row in rows for what in ("lost", "doubled", "differing", "stuck"))
    sys.exit(bad or spoiled.failures > 0)


def _line(name: str, how: str, tally: Tally) -> str:
    counts = f"{tally.tries:5} {tally.lost:5} {tally.doubled:5} {tally.differing:5} {tally.stuck:5}"
    return "\n".join([f"{name:20} {how:7} {counts}", *(f"    {e}" for e in tally.examples[:5])])


if __name__ == "__main__":
    main()
