"""`harness serve-domain`: a domain for clients of other protocols."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from harness.cli.running import say
from harness.types import Split

MODULE = "harness_bridges.mcp_server"


def register(app: typer.Typer) -> None:
    app.command(name="serve-domain")(serve_domain)


def serve_domain(
    domain: Annotated[str, typer.Argument(help="Task domain.")],
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Serve it over MCP (the only protocol).")
    ] = True,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve streamable HTTP on this loopback port."),
    ] = None,
    split: Annotated[Split, typer.Option(help="Split of the tasks.")] = "train",
    tasks: Annotated[int, typer.Option(min=1, help="Number of tasks, one after the other.")] = 10,
    user: Annotated[str, typer.Option(help="User simulator.")] = "scripted",
) -> None:
    """Serve a domain's tools, its user and its grade to MCP clients, on stdio or loopback HTTP."""
    from harness.errors import MissingExtra
    from harness.runtime.event_loop import run

    try:
        episodes, server = import_module("harness_bridges.episodes"), import_module(MODULE)
    except ImportError as error:
        raise MissingExtra(
            f"serving over MCP needs the package {error.name}",
            hint="pip install 'errata-harness[mcp]'",
        ) from None
    opened = episodes.open_domain(domain)
    served = server.DomainServer(opened, list(episodes.tasks_of(opened, split, tasks)), user=user)
    if port is None:
        run(served.serve_stdio())
        return
    import uvicorn

    say(f"MCP: http://127.0.0.1:{port}/mcp")
    uvicorn.run(served.http_app(), host="127.0.0.1", port=port, log_level="warning")
