"""The command line: `harness COMMAND`. A command reads flags, calls the library, prints one thing.

Reports go to stdout, progress and errors to stderr. Status 0: good; 1: the user can put it right;
2: wrong usage; 130: interrupted.
"""

from __future__ import annotations

import os
import sys

import typer

from harness.cli import (
    ablate,
    about,
    check,
    compare,
    discovery,
    domain,
    evaluate,
    interchange,
    loop,
    new,
    plan,
    report,
    rewards,
    show,
    stations,
    study,
    tasks,
    view,
)
from harness.cli.offered import WithOffered, help_of
from harness.cli.running import folder_warnings
from harness.cli.streams import standard_streams
from harness.errors import HarnessError, OutOfMemory

app = typer.Typer(
    name="harness",
    cls=WithOffered,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module in (
    loop, evaluate, discovery, stations, tasks, report, view, show, compare, study, rewards,
    ablate, interchange, domain, plan, check, new, about,
):  # fmt: skip
    module.register(app)
for command in app.registered_commands:
    command.help = help_of(command.callback)


def main() -> None:
    """Run the CLI; an error meant for the user is one line and a hint, without a traceback."""
    try:
        with standard_streams(), folder_warnings():
            app()
    except HarnessError as error:
        if os.environ.get("HARNESS_TRACEBACK"):
            raise
        _show(error)
        sys.exit(1)
    except MemoryError as error:
        if os.environ.get("HARNESS_TRACEBACK"):
            raise
        said = str(error) or "none is left to this process"
        _show(OutOfMemory(f"memory ran out: {said}", hint="Free some, or raise the limit on it."))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _show(error: HarnessError) -> None:
    from rich.text import Text

    from harness.report.screen import Cleaned, screen

    console = screen(stderr=True)
    told = [
        Text.assemble(("error:", "red"), f" {error}"),
        *([Text(error.hint)] if error.hint else []),
    ]
    for text in told:
        console.print(Cleaned(text), soft_wrap=True)
