"""Every event of a run as a line of JSON, in a file."""

import json
from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import read_options
from harness.protocols import Event, Observer, Settings


@dataclass(frozen=True, kw_only=True)
class Options:
    """``file``: where the lines go; "": into the run folder."""

    file: str = ""


class Sample(Observer):
    def __init__(self, file: Path) -> None:
        self.file = file

    def notify(self, event: Event) -> None:
        line = json.dumps({"event": event.name, **event.data}, default=str)
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(line + "\n")


def sample(settings: Settings) -> Observer:
    named = read_options(Options, settings, name="sample").file
    return Sample(Path(named) if named else (settings.folder or Path()) / "events.jsonl")
