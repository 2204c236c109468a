"""What a station that is done has left: which files are its own, and what its mark says of them.

A mark holds a digest of each file and the number of its lines, so that a file that was lost, cut or
changed since is not taken for what the station made; and a checksum of each conversation, so that
those that are still whole need not be had again.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.runtime.counting import counted
from harness.types.names import ArmName, StationName

EPISODES = "episodes.jsonl"
TOKENS = "tokens.jsonl"

_OF_EVALUATION = (
    EPISODES, TOKENS, "tasks.jsonl", "blame.json", "mistakes.jsonl", "originals.jsonl",
    "diagnoses.jsonl", "about.json",
)  # fmt: skip
_OF_ROUND: Mapping[str, tuple[str, ...]] = {
    "discover": (
        "discovery.json", "diagnoses.jsonl", "patterns.jsonl", "filtered.jsonl", "map.json",
    ),
    "inject": (
        "tasks.jsonl", "gates.jsonl", "refused.jsonl", "refused.json", "injections.json",
    ),  # trials.jsonl grows while more tasks are made for a round that is done
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A file as a station left it: its SHA-256, how many lines it has, and the CRC-32 of each line
    where lines can be kept one by one.
    """

    sha256: str
    lines: int
    each: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A station that is done; ``files`` is empty in runs of older versions."""

    station: str
    files: Mapping[str, Left] | None = None


def mark_name(station: str) -> str:
    """The file that says that the station is done."""
    slug = station.replace(" ", "-").replace("/", "-").replace(":", "")
    return f"done/{slug}.json"


def left_by(station: str, path_of: Callable[[str], Path]) -> dict[str, Left]:
    """The station's files that there are, by name; ``path_of`` says where each is. Raises
    ``OSError``.
    """
    found = {name: path_of(name) for name in names_of(StationName(station))}
    return {name: left_in(name, path) for name, path in found.items() if path.is_file()}


def differences(mark: Mark, path_of: Callable[[str], Path]) -> Iterator[str]:
    """What of a station's files is not as its mark says, in words. Raises ``OSError``."""
    for name, then in (mark.files or {}).items():
        path = path_of(name)
        if not path.is_file():
            yield f"{name} is missing"
            continue
        now = left_in(name, path)
        if now.lines != then.lines:
            yield f"{name} has {counted(now.lines, 'line')}, and had {then.lines}"
        elif now.sha256 != then.sha256:
            yield f"{name} was changed"


def intact(whole: bytes, left: Left) -> str:
    """Those lines that are as they were left."""
    known = set(left.each)
    lines = [line for line in whole.split(b"\n") if zlib.crc32(line) in known]
    return "".join(line.decode() + "\n" for line in lines)


def names_of(station: StationName) -> list[str]:
    """The files that a station may leave."""
    evaluation = station.evaluation
    if evaluation is not None:
        own = [f"evals/{evaluation}/{name}" for name in _OF_EVALUATION]
        return [*own, f"tasks/{evaluation.on_split}.jsonl"]
    if station.kind in _OF_ROUND:
        number = station.rpartition(" ")[2]
        return [f"rounds/{number}/{name}" for name in _OF_ROUND[station.kind]]
    arm = ArmName(station.removeprefix("train "))
    return [f"checkpoints/{arm}/{name}" for name in ("checkpoint.json", "rollouts.jsonl", TOKENS)]


def left_in(name: str, path: Path) -> Left:
    """The file as it is now. Raises ``OSError``."""
    by_line = name.startswith("evals/") and name.endswith((f"/{EPISODES}", f"/{TOKENS}"))
    digest, lines, each = hashlib.sha256(), 0, []
    with path.open("rb") as file:
        for line in file:
            digest.update(line)
            is_whole = line.endswith(b"\n")
            lines += is_whole
            if by_line and is_whole:
                each.append(zlib.crc32(line[:-1]))
    return Left(sha256=digest.hexdigest(), lines=lines, each=(*each,))
