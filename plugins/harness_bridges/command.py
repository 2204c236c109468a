"""`harness serve-domain`: a domain for clients of other protocols."""

from __future__ import annotations

from typing import Annotated

import typer

from harness.types import Split


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
    from harness.assembly.extras import need
    from harness.runtime.event_loop import run

    need("serving over MCP", "mcp", extra="mcp")
    from harness_bridges.episodes import open_domain, tasks_of
    from harness_bridges.mcp_server import DomainServer

    opened = open_domain(domain)
    served = DomainServer(opened, list(tasks_of(opened, split, tasks)), user=user)
    if port is None:
        run(served.serve_stdio())
        return
    import uvicorn

    typer.echo(f"MCP: http://127.0.0.1:{port}/mcp", err=True)
    uvicorn.run(served.http_app(), host="127.0.0.1", port=port, log_level="warning")
