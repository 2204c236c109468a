"""Turn a call that was made before into its answer, without making it again."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from harness.errors import ConfigError
from harness.llm.plain_json import plain
from harness.protocols.chat_model import ChatReply, ChatRequest
from harness.runtime.cache_folder import FOLDER_VARIABLE, cache_folder, own_file
from harness.types.messages import Message, Tool

Mode = Literal["read", "write"]

_REPLY = TypeAdapter(ChatReply)
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def default_file() -> Path:
    """Where answers are kept by default."""
    return cache_folder() / "chat.sqlite"


class Cache:
    """Answers by the content of the question, in one SQLite file that processes may share.

    Mode "read" only looks up; "write" also keeps new answers, the first for each question. One that
    is being asked already is waited for, so that equal questions get equal answers. Raises
    ``ConfigError`` if the file cannot be used.
    """

    def __init__(self, file: Path, mode: Mode) -> None:
        self.file = file
        self.mode = mode
        self._pending: dict[str, asyncio.Event] = {}
        with _Using(file):
            own_file(file)
            self._database = _open(file)

    def close(self) -> None:
        self._database.close()

    def find(self, key: str) -> ChatReply | None:
        """The answer that was kept for the key; None if there is none, or none that can be used."""
        select = "SELECT reply FROM replies WHERE key = ?"
        with _Using(self.file):
            row = self._database.execute(select, (key,)).fetchone()
        return None if row is None else _usable(row[0])

    def keep(self, key: str, reply: ChatReply) -> None:
        """Keep the answer, unless there is one that can be used."""
        text = _REPLY.dump_json(reply).decode()
        insert = "INSERT OR {} INTO replies VALUES (?, ?)"
        with _Using(self.file):
            done = self._database.execute(insert.format("IGNORE"), (key, text))
            if done.rowcount == 0 and self.find(key) is None:
                self._database.execute(insert.format("REPLACE"), (key, text))

    async def reply(
        self, key: str, ask: Callable[[], Awaitable[ChatReply]], *, found: Callable[[], None]
    ) -> ChatReply:
        """The kept answer (``found`` is called), or the one that ``ask`` gives."""
        while True:
            kept = self.find(key)
            if kept is not None:
                found()
                return kept
            asked = self._pending.get(key)
            if asked is None:
                break
            await asked.wait()
        if self.mode == "read":
            return await ask()
        self._pending[key] = asked = asyncio.Event()
        try:
            reply = await ask()
            self.keep(key, reply)
            return reply
        finally:
            del self._pending[key]
            asked.set()


def _usable(row: object) -> ChatReply | None:
    """The answer in a row; None if it is none, says nothing, or could not be kept today."""
    try:
        reply = _REPLY.validate_json(row)  # type: ignore[arg-type]
        message, usage = reply.message, reply.usage
        given = [plain(dict(call.arguments)) for call in message.calls]
        plain(message.opaque.value if message.opaque else None)
    except (TypeError, ValueError, RecursionError):
        return None
    is_said = message.role == "assistant" and (message.content.strip() or given)
    is_counted = min(usage.tokens_in, usage.tokens_out, usage.tokens_cached, usage.calls) >= 0
    return reply if is_said and is_counted and 0 <= usage.cost_usd < float("inf") else None


def cache_key(provider: str, endpoint: str, version: str, request: ChatRequest) -> str:
    """What the answer depends on, as 64 hex digits: whoever is asked, the prompt's version, and
    all of the request, its seed (which differs by trial) included.
    """
    content: list[object] = [
        provider,
        endpoint,
        version,
        request.model,
        request.system,
        [_plain(message) for message in request.messages],
        _digest(SameTools(request.tools)),
        request.temperature,
        request.max_tokens,
        request.seed,
    ]
    if request.extra:
        content.append(dict(request.extra))
    if request.omit:
        content.append({"omit": sorted(request.omit)})
    return _sha256(content)


class SameTools:
    """Tools as a key: equal if they are the same objects, which it keeps."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tuple(tools)

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.tools)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameTools) and [*map(id, self.tools)] == [*map(id, other.tools)]


@lru_cache(maxsize=64)
def _digest(offered: SameTools) -> str:
    """A domain's tools are most of a request, and the same in each: written out once."""
    return _sha256([tool.schema() for tool in offered.tools])


def _sha256(content: object) -> str:
    return hashlib.sha256(_ENCODER.encode(content).encode("utf-8", "surrogatepass")).hexdigest()


def _plain(message: Message) -> list[object]:
    calls = [[call.id, call.name, dict(call.arguments)] for call in message.calls]
    plain = [message.role, message.content, calls, message.call_id, message.is_error]
    return plain if message.opaque is None else [*plain, message.opaque.value]


class _Using:
    """Around the use of a cache file: an error of the disk or the database names the file. A class,
    as in ``harness.errors``: several are entered for each answer.
    """

    __slots__ = ("file",)

    def __init__(self, file: Path) -> None:
        self.file = file

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, OSError | sqlite3.Error):
            raise ConfigError(
                f"the cache {self.file} cannot be used: {error}",
                hint=f"Delete the file, choose another folder with {FOLDER_VARIABLE}, or give "
                "--cache off.",
            ) from None


def _open(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=30, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    # A write that a power cut loses is asked again; a wait for the disk would stall every talk.
    database.execute("PRAGMA synchronous = OFF")
    database.execute(
        "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL)"
        " WITHOUT ROWID"
    )
    return database
