"""The command line: `harness COMMAND`. A command reads flags, calls the library, prints one thing.

Reports go to stdout, progress and errors to stderr. Status 0: good; 1: the user can put it right;
2: wrong usage; 130: interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from traceback import format_exception
from types import ModuleType

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
    runs,
    show,
    stations,
    study,
    tasks,
    view,
)
from harness.cli.loudness import loudness, own_loudness
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
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="-q, -v and --no-color may stand anywhere. `harness COMMAND -h` explains a command.",
)
GROUPS: Mapping[str, tuple[ModuleType, ...]] = {
    "Run": (loop, evaluate, discovery, stations, study),
    "Look at runs": (runs, report, view, show, tasks, compare),
    "Rewards": (rewards, ablate),
    "Files of other tools": (interchange, domain),
    "Plugins and this machine": (about, new, check, plan),
}
"""The modules of commands under the heading that the help gives them."""


def _register(heading: str, module: ModuleType) -> None:
    commands, groups = len(app.registered_commands), len(app.registered_groups)
    module.register(app)
    for command in app.registered_commands[commands:]:
        command.rich_help_panel = heading
    for group in app.registered_groups[groups:]:
        group.rich_help_panel = heading


for heading, modules in GROUPS.items():
    for module in modules:
        _register(heading, module)
for command in app.registered_commands:
    command.help = help_of(command.callback)


def main() -> None:
    """Run the CLI; an error meant for the user is one line and a hint, without a traceback."""
    with own_loudness():
        _run()


def _run() -> None:
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
        *([Text("".join(format_exception(error)).rstrip())] if loudness() == "verbose" else []),
        Text.assemble(("error:", "red"), f" {error}"),
        *([Text(error.hint)] if error.hint else []),
    ]
    for text in told:
        console.print(Cleaned(text), soft_wrap=True)
