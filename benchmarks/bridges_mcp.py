"""Measure the MCP server with a real client: does a conversation on retail go through?

    python benchmarks/bridges_mcp.py [--json]

In an environment with `mcp` and this project. A client session lists the tools, plays the first
task's solution over stdio and over streamable HTTP on loopback, and asks for the reward.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import time
from typing import Any

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from harness_bridges.episodes import open_domain, tasks_of

GOODBYE, OVER = "It is done. Is there anything else?", "The conversation is over"
SERVE = ["-m", "harness", "serve-domain", "retail", "--mcp", "--tasks", "2"]


async def talk(client: Any) -> dict[str, Any]:
    """Play the gold calls of the first task, and what came of it."""
    domain = open_domain("retail")
    task = tasks_of(domain, "train", 1)[0]
    began = time.perf_counter()
    async with client as session:
        tools = [tool.name for tool in (await session.list_tools()).tools]
        opening = await session.call_tool("talk_to_user", {})
        errors = 0
        for call in (c for group in domain.solve(task) or () for c in group):
            errors += bool((await session.call_tool(call.name, dict(call.arguments))).is_error)
        for _ in range(20):
            heard = await session.call_tool("talk_to_user", {"text": GOODBYE})
            if OVER in heard.content[0].text:
                break
        ended = await session.call_tool("finish", {})
        unknown = await session.call_tool("get_order_details", {"order_id": "#nothing"})
    return {
        "tools": len(tools),
        "opening": bool(opening.content[0].text),
        "errors": errors,
        "bad_call_is_error": unknown.is_error,
        "verdict": json.loads(ended.content[0].text),
        "seconds": round(time.perf_counter() - began, 2),
    }


async def over_http() -> dict[str, Any]:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    server = subprocess.Popen([sys.executable, *SERVE, "--port", str(port)])
    try:
        for _ in range(240):
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", port)) == 0:
                    break
            await asyncio.sleep(0.25)
        return await talk(Client(f"http://127.0.0.1:{port}/mcp"))
    finally:
        server.terminate()
        server.wait()


async def over_stdio() -> dict[str, Any]:
    server = StdioServerParameters(command=sys.executable, args=SERVE)
    return await talk(Client(stdio_client(server)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    parser.parse_args()
    found = {"stdio": asyncio.run(over_stdio()), "http": asyncio.run(over_http())}
    sys.stdout.write(json.dumps(found, indent=2, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
