"""Turn a script into a provider of chat models: a local HTTP server for an unmodified SDK."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType

from harness.testing.wires import Asked, Reply, Wire, asked, spoken

_VARIABLES: Mapping[Wire, tuple[str, str, str]] = {
    "claude": ("ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", ""),
    "openai": ("OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", ""),
}


class ChatServer:
    """A provider that answers each request as ``answer`` says, to be used in a ``with`` statement.

    ``wire`` is the provider whose HTTP interface it speaks, without streaming: Anthropic's
    Messages, OpenAI's Chat Completions or Gemini's generateContent. ``asked`` lists the requests in
    the order of their arrival. It runs on a thread of its own and serves many connections.
    """

    def __init__(self, wire: Wire, answer: Callable[[Asked], Reply]) -> None:
        self.wire = wire
        self.answer = answer
        self.asked: list[Asked] = []
        self._port = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def url(self) -> str:
        """The base URL for the SDK."""
        return f"http://127.0.0.1:{self._port}{_VARIABLES[self.wire][2]}"

    def environment(self, key: str = "test-key-0123456789") -> dict[str, str]:
        """The variables that send the SDK here."""
        key_name, url_name, _ = _VARIABLES[self.wire]
        return {key_name: key, url_name: self.url}

    def __enter__(self) -> ChatServer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop answering; open connections are cut."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=2048)
        )
        self._port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        open_calls = asyncio.all_tasks(self._loop)
        for task in open_calls:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*open_calls, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its response; False if the connection is not to be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split(" ")[1]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:])}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
        question = asked(self.wire, path, headers, body)
        self.asked.append(question)
        reply = self.answer(question)
        if reply.seconds:
            await asyncio.sleep(reply.seconds)
        return await _send(writer, reply, spoken(self.wire, question, reply))


async def _send(writer: asyncio.StreamWriter, reply: Reply, body: Mapping[str, object]) -> bool:
    content = json.dumps(body).encode() if reply.raw is None else reply.raw
    fields = {
        "content-type": "application/json",
        "content-length": str(len(content)),
        **reply.headers,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    head = f"HTTP/1.1 {reply.status} Scripted\r\n{lines}\r\n".encode("latin-1")
    if reply.cut:
        writer.write(head + content[: len(content) // 2])
        await writer.drain()
        writer.transport.abort()
        return False
    writer.write(head + content)
    await writer.drain()
    return True
