"""Run the commands of tour.md in an empty folder and write what they print below each of them.

`make tour` does so. A command may end in `| head -N` or `| tail -N`; `@ID` stands for the first
conversation that failed.
"""

import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

TOUR = Path(__file__).with_suffix(".md")
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]*)\n(?P<output>.*?)```", re.DOTALL)
PLAIN = {"COLUMNS": "80", "NO_COLOR": "1", "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"}


def outputs(text: str, folder: Path) -> list[tuple[str, str]]:
    """Each command of the page as a reader would type it, and what it prints."""
    made = []
    id = ""
    for found in BLOCK.finditer(text):
        written, (command, _, cut) = found["command"], found["command"].partition(" | ")
        if "@ID" in command or re.search(r"show mine [0-9a-f]{12}", command):
            written = re.sub(r"show mine \S+", f"show mine {id}", written)
            command = written.partition(" | ")[0]
        printed = _run(command, folder)
        if "--only failed" in command:
            [id] = re.findall(r"^([0-9a-f]{12}) ", printed, re.MULTILINE)[:1]
        made.append((written, _cut(printed, cut)))
    return made


def rewritten(text: str, folder: Path) -> str:
    """The page with the outputs as they are now."""
    blocks = iter(outputs(text, folder))
    return BLOCK.sub(lambda _: "```console\n$ {}\n{}```".format(*next(blocks)), text)


def _run(command: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command.split()],
        cwd=folder, env={**os.environ, **PLAIN}, capture_output=True, text=True, timeout=300,
        encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stderr}"
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


def _cut(text: str, how: str) -> str:
    if not how:
        return text
    end, size = how.split(" -")
    lines = text.splitlines()
    kept = lines[: int(size)] if end == "head" else lines[-int(size) :]
    return "\n".join(kept).strip("\n") + "\n"


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        TOUR.write_text(rewritten(TOUR.read_text("utf-8"), Path(place)), "utf-8")
