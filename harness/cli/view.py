"""`harness view`: the page of a run, served to this machine while the run goes on."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.cli import options
from harness.cli.running import tell


def register(app: typer.Typer) -> None:
    app.command()(view)


def view(
    run: options.Run,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")
    ] = 0,
    browser: Annotated[bool, typer.Option(help="Open it in the default browser.")] = False,
) -> None:
    """Serve the page of a run, which follows it while it goes on, until Ctrl-C."""
    from harness.report.viewer.following import Followed
    from harness.report.viewer.server import Server

    with Server(Followed(run), port) as server:
        tell(server.address)
        if browser:
            import webbrowser

            webbrowser.open(server.address)
        server.serve_forever()
