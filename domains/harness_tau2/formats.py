"""Offer official results as a file format for conversations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import read_options
from harness.protocols import Settings
from harness.types import Recording
from harness_tau2.export import write_results
from harness_tau2.results import looks_like_results, read_results


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The format has nothing to set."""


class ResultsFormat:
    """Official results: a single file, or a folder with results.json and simulations/."""

    def recognises(self, path: Path) -> bool:
        return looks_like_results(path)

    def read(self, path: Path) -> Recording:
        """All that the results hold. Raises ``FormatError`` naming what is wrong where."""
        return read_results(path)

    def write(self, recording: Recording, path: Path) -> None:
        """A file if the path ends in .json, else a folder. Raises ``FormatError``."""
        write_results(recording, path)


def results_format(settings: Settings) -> ResultsFormat:
    """The format; raises ``ConfigError`` for any option."""
    read_options(NoOptions, settings, name="tau2")
    return ResultsFormat()
