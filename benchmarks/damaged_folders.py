"""Damage run folders at random, or put hostile text into them, and have every reading command open
them: each ends with a report or an error of one line and a hint, never with a traceback. A hint
names no flag that the command lacks, and no character acts.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import shutil
import sys
import traceback
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.hints import misleading

RUN, STUDY = "run", "study"
READ: tuple[tuple[object, ...], ...] = (
    ("report", RUN),
    ("report", RUN, "--json"),
    ("report", RUN, "--html", "page.html"),
    ("tasks", RUN),
    ("tasks", RUN, "--json"),
    ("why", "ID", RUN),
    ("export", RUN, "--format", "plain", "--out", "exported.json"),
    ("rescore", RUN, "--evaluation", "sft-validation"),
    ("ablate", RUN),
    ("discover", RUN, "--again"),
    ("inject", RUN, "--again", "--count", 1),
    ("loop", "--resume", RUN),
    ("eval", "--resume", RUN),
)
READ_STUDY: tuple[tuple[object, ...], ...] = (
    ("study", "report", STUDY),
    ("study", "report", f"{STUDY}/results.json"),
    ("study", "run", "study.toml", "--out", STUDY, "--trust", "--dry-run"),
)

BITS = (
    "\x1b[2J", "\x1b]0;t\x07", "\x00", "\x08", "\x7f", "\x9b31m", "\u202e", "\u2066", "\u200b",
    "\ufeff", "\u2028", "\U000e0041", "\ud83d", "\uffff", "<script>", "</td>", "]]>", "&lt;",
    "&#0;", "javascript:",
    "`", "``", "|", "\n", "\r\n", "\t", "\\", "*", "_", "[a](b)", "[bold]", "[/x]",
    '"', "'", "=cmd()", "é", "漢", "a", " ",
)  # fmt: skip
"""What hostile text is made of."""
ACTING = frozenset({"Cc", "Cf", "Cs", "Co"})
"""Kinds of characters that a terminal or a page obeys, or that nobody sees."""

Damage = Callable[[Path, random.Random], None]


@dataclass(slots=True)
class Damaged:
    """Tries, and those that ended in a traceback or let text act."""

    tries: int = 0
    failures: int = 0
    examples: list[str] = field(default_factory=list)


def damaged(template: Path, folder: Path, count: int, seed: int) -> Damaged:
    """``count`` damages, each read by one command. ``template`` holds ``run``, ``study`` or both;
    ``folder`` is for copies.
    """
    found, draw = Damaged(), random.Random(seed)
    commands = [*(READ if (template / RUN).exists() else ())]
    commands += [*(READ_STUDY if (template / STUDY).exists() else ())] * 2
    for number in range(count):
        here = folder / "damaged"
        shutil.rmtree(here, ignore_errors=True)
        shutil.copytree(template, here)
        words = draw.choice(commands)
        root = here / (STUDY if words[0] == "study" else RUN)
        kind, name = _spoil(root, draw)
        found.tries += 1
        failed = _fails(here, words)
        if failed:
            found.failures += 1
            found.examples.append(
                f"{failed} <- {kind} {name} in {words[0]} (seed {seed}, {number})"
            )
    return found


def _spoil(root: Path, draw: random.Random) -> tuple[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file() and path.name != "run.lock")
    path = draw.choice(files)
    kind = draw.choice(sorted(DAMAGES))
    DAMAGES[kind](path, draw)
    return kind, path.relative_to(root).as_posix()


def _fails(here: Path, words: Sequence[object]) -> str:
    """Where a command let an error pass; "" if it said what it found."""
    from harness.cli import main

    said = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    before = Path.cwd()
    os.chdir(here)
    sys.argv = ["harness", *(_id(here) if word == "ID" else str(word) for word in words)]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            main()
    except SystemExit as left:
        if left.code not in (0, 1, None):
            return f"status {left.code}"
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "/harness" in frame.filename] or list(frames)
        last = own[-1]
        return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
    finally:
        os.chdir(before)
    said.flush()
    shown = said.buffer.getvalue().decode()  # type: ignore[attr-defined]
    if wrong := misleading(words, shown):
        return f"advised {', '.join(wrong)}"
    return _acting(shown, here / "page.html")


def _acting(shown: str, page: Path) -> str:
    """What acts in what a command said and in the page it drew, in words; "" if nothing does."""
    drawn = page.read_text() if page.exists() else ""
    found = {c for c in shown + drawn if c not in "\n\t" and unicodedata.category(c) in ACTING}
    if found:
        return f"showed {''.join(sorted(found))!a}"
    return "drew a script of others" if "<script>" in drawn else ""  # its own have a type


def _id(here: Path) -> str:
    try:
        first = (here / RUN / "rounds/1/diagnoses.jsonl").read_text().splitlines()[0]
        return str(json.loads(first)["trajectory_id"])
    except Exception:
        return "abc"


# --- kinds of damage ------------------------------------------------------------------------------


def _bytes(change: Callable[[bytes, random.Random], bytes]) -> Damage:
    def damage(path: Path, draw: random.Random) -> None:
        content = change(path.read_bytes(), draw)
        path.unlink()  # another name for it, of another folder, stays whole
        path.write_bytes(content)

    return damage


def _value(change: Callable[[Any, random.Random], Any]) -> Damage:
    """Of one line of a file of lines, or of the whole."""

    def damage(path: Path, draw: random.Random) -> None:
        text = path.read_text(errors="replace")
        lines = text.splitlines() if path.suffix == ".jsonl" else [text]
        if not lines:
            return
        place = draw.randrange(len(lines))
        try:
            lines[place] = json.dumps(change(json.loads(lines[place]), draw), allow_nan=True)
        except ValueError:
            lines[place] = "{"
        path.unlink()
        path.write_text("\n".join(lines) + "\n")

    return damage


def _inside(new: Callable[[Any, random.Random], Any]) -> Callable[[Any, random.Random], Any]:
    """One value somewhere in the whole is another."""

    def change(whole: Any, draw: random.Random) -> Any:
        found = places(whole)
        if not found:
            return new(whole, draw)
        holder, key = draw.choice(found)
        holder[key] = new(holder[key], draw)
        return whole

    return change


def places(value: Any) -> list[tuple[Any, Any]]:
    """Where the values in lists and tables of a value are: what holds each, and its key there."""
    keys: Sequence[Any] = [*value] if isinstance(value, dict) else (
        range(len(value)) if isinstance(value, list) else ()
    )  # fmt: skip
    found = [(value, key) for key in keys]
    for key in keys:
        found += places(value[key])
    return found


def _without(whole: Any, draw: random.Random) -> Any:
    tables = [holder for holder, _ in places(whole) if isinstance(holder, dict) and holder]
    if tables:
        table = draw.choice(tables)
        del table[draw.choice(sorted(table))]
    return whole


def _hostile(value: Any, draw: random.Random) -> Any:
    """The value with hostile text before each text in it."""
    if isinstance(value, str):
        return "".join(draw.choices(BITS, k=3)) + value
    if isinstance(value, list):
        return [_hostile(part, draw) for part in value]
    if isinstance(value, dict):
        return {key: _hostile(part, draw) for key, part in value.items()}
    return value


def _folder(path: Path, draw: random.Random) -> None:
    path.unlink()
    path.mkdir()


ODD: Sequence[Any] = (
    None, True, -1, 0, 1.5, "", "x", [], {}, [[]], {"a": 1}, "\ud83d", "\x1b[31m", 10**400,
    "9" * 5000, float("nan"), float("inf"), "../../x", "/etc/passwd",
)  # fmt: skip

DAMAGES: Mapping[str, Damage] = {
    "missing": lambda path, draw: path.unlink(),
    "a folder": _folder,
    "empty": _bytes(lambda old, draw: b""),
    "cut": _bytes(lambda old, draw: old[: draw.randrange(len(old) + 1)]),
    "a flipped byte": _bytes(
        lambda old, draw: old and _flipped(old, draw.randrange(len(old)), draw.randrange(1, 256))
    ),
    "no UTF-8": _bytes(lambda old, draw: _put(old, b"\xff\xfe\xc3", draw)),
    "deep": _bytes(lambda old, draw: b"[" * 100_000 + b"]" * 100_000 + b"\n"),
    "deep values": _bytes(lambda old, draw: b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"\n"),
    "a long number": _bytes(lambda old, draw: b'{"seed": ' + b"9" * 5000 + b"}\n"),
    "twice": _bytes(lambda old, draw: old + old),
    "another root": _value(lambda whole, draw: draw.choice(ODD)),
    "another value": _value(_inside(lambda old, draw: draw.choice(ODD))),
    "a missing key": _value(_without),
    "a lone surrogate": _value(
        _inside(lambda old, draw: "\udc80" if isinstance(old, str) else old)
    ),
    "hostile text": _value(lambda whole, draw: _hostile(whole, draw)),
    "no rights": lambda path, draw: path.chmod(0),
}


def _flipped(old: bytes, place: int, mask: int) -> bytes:
    return old[:place] + bytes([old[place] ^ mask]) + old[place + 1 :]


def _put(old: bytes, new: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(old) + 1)
    return old[:place] + new + old[place:]
