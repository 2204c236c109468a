"""Turn a domain into an MCP server: its tools, one to talk to the user, one to be graded."""

from __future__ import annotations

import json
from typing import Any

import mcp_types as types
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server

from harness.protocols import Domain
from harness.types import Task, Tool
from harness_bridges.episodes import Episode

TALK = Tool(
    name="talk_to_user",
    description="Say something to the user and hear the reply. Without text: what the user said.",
    parameters={"type": "object", "properties": {"text": {"type": "string"}}},
    kind="generic",
)
FINISH = Tool(
    name="finish",
    description="End the conversation; says whether the task was done. The next task begins.",
    parameters={"type": "object", "properties": {}},
    kind="generic",
)


class DomainServer:
    """The tasks one after the other: each until ``finish``. All clients share the conversation."""

    def __init__(self, domain: Domain, tasks: list[Task], *, user: str = "scripted") -> None:
        self.domain = domain
        self.tasks = tasks
        self.user = user
        self.number = -1
        self.episode = self._next()
        self.server: Server[Any] = Server(
            f"harness-{domain.name}",
            instructions=domain.policy,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
        )

    async def serve_stdio(self) -> None:
        """Until the client closes standard input."""
        async with stdio_server() as (reading, writing):
            options = self.server.create_initialization_options()
            await self.server.run(reading, writing, options)

    def http_app(self) -> Any:
        """An ASGI application at /mcp for loopback: other hosts in requests are refused."""
        return self.server.streamable_http_app(host="127.0.0.1")

    def _next(self) -> Episode:
        self.number = (self.number + 1) % len(self.tasks)
        return Episode(self.domain, self.tasks[self.number], user=self.user)

    async def _list_tools(self, context: Any, params: Any) -> types.ListToolsResult:
        listed = [
            types.Tool(
                name=tool.name, description=tool.description, input_schema=dict(tool.parameters)
            )
            for tool in (*self.domain.tools, TALK, FINISH)
        ]
        return types.ListToolsResult(tools=listed)

    async def _call_tool(
        self, context: Any, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        from anyio.to_thread import run_sync

        text, failed = await run_sync(self._carry_out, params.name, dict(params.arguments or {}))
        answer = types.TextContent(type="text", text=text)
        return types.CallToolResult(content=[answer], is_error=failed)

    def _carry_out(self, name: str, arguments: dict[str, Any]) -> tuple[str, bool]:
        if name == TALK.name:
            said = arguments.get("text")
            reply = self.episode.say(said) if said else self.episode.opening
            over = f"\n(The conversation is over: {self.episode.ended}.)"
            return reply + (over if self.episode.ended else ""), False
        if name == FINISH.name:
            self.episode.stop()
            verdict = {"task": self.episode.task.id, "reward": self.episode.reward()}
            self.episode = self._next()
            return json.dumps(verdict), False
        found = self.episode.result(name, arguments)
        return found.content, found.is_error
