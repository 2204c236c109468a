"""What servers do, and what the harness makes of it, row by row, through the unmodified SDKs."""

import asyncio
import importlib.util
import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from harness.errors import ProviderError, RolloutFault
from harness.llm.call_text import DIALECTS
from harness.llm.overflow import OVERFLOWS
from harness.llm.role_client import RoleClient
from harness.llm.shared import CallOptions, Shared
from harness.protocols import Settings
from harness.protocols.chat_model import ChatReply
from harness.testing.servers import ChatServer
from harness.types import Message, ToolCall
from tests.llm.oddities import FIELDS, FULL, GOOD, LOOK, ROWS, SPELLED, Fault, Said, Stop

DOCS = Path(__file__).parents[2] / "docs"
ASK = [Message(role="user", content="Hello")]


TALK = [
    *ASK,
    Message(role="assistant", calls=(ToolCall(name="look", arguments={}, id="call_1"),)),
    Message(role="tool", content="a mug", call_id="call_1"),
]
"""With a call and its result, for what servers refuse of those."""


class Stage:
    """A server and a chat model for each wire, which all rows share: to open an SDK takes long."""

    def __init__(self, registry, stack, patch):
        self.registry, self.stack, self.patch = registry, stack, patch
        self.runner = stack.enter_context(asyncio.Runner())
        self.servers, self.models = {}, {}

    def server(self, row):
        """The wire's server, which answers as the row wants."""
        if row.wire not in self.servers:
            server = self.stack.enter_context(ChatServer(row.wire, lambda asked: GOOD))
            self.servers[row.wire] = server
            for name, value in server.environment().items():
                self.patch.setenv(name, value)
        server = self.servers[row.wire]
        server.answer = row.answer if callable(row.answer) else lambda asked: row.answer
        server.asked.clear()
        return server

    def model(self, row):
        own = {"extra": row.extra, "omit": list(row.omit)}
        key = (row.wire, str(own))
        if key not in self.models:
            made = self.registry.make("chat model", f"{row.wire}:m", Settings(options=own))
            self.models[key] = made
        return self.models[key]


@pytest.fixture(scope="module")
def stage(registry):
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        yield Stage(registry, stack, patch)


def answered(stage, row):
    """What a row's last question comes to, what was sent for it, and what was counted."""
    server = stage.server(row)
    shared = Shared(options=CallOptions(retries=0, first_pause=0.0))
    chat = RoleClient(stage.model(row), provider=row.wire, role="agent", model="m", shared=shared)

    async def talk():
        messages, begun, found = TALK if row.kind == FIELDS else ASK, 0, None
        for _ in range(row.asks):
            if isinstance(found, ChatReply):
                # What it said goes back to it, and it says something else.
                messages, server.answer = answering(messages, found), lambda asked: GOOD
            begun = len(server.asked)
            try:
                found = await chat.ask(
                    messages, system="Obey.", version="1", tools=[LOOK], temperature=0.5, seed=7
                )
            except (ProviderError, RolloutFault) as error:
                found = error
        return found, server.asked[begun:]

    return *stage.runner.run(talk()), shared.ledger


def answering(messages, reply):
    results = [Message(role="tool", content="a mug", call_id=c.id) for c in reply.message.calls]
    return [*messages, reply.message, *results]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_server_does_is_made_what_the_table_says(stage, row) -> None:
    found, asked, ledger = answered(stage, row)
    made = row.made
    if isinstance(made, Stop):
        assert isinstance(found, ProviderError)
        assert str(found).startswith(made.why)
    elif isinstance(made, Fault):
        assert isinstance(found, RolloutFault)
        assert (found.kind, *ledger.of("agent").faults) == (made.kind, made.cause)
    else:
        check_said(found, asked, ledger, made)


def check_said(found, asked, ledger, made: Said) -> None:
    assert not isinstance(found, Exception), found
    message = found.message
    said = [(call.name, dict(call.arguments)) for call in message.calls]
    assert (message.content, said) == (made.text, list(made.calls))
    assert len({call.id for call in message.calls} - {""}) == len(message.calls)
    assert made.counted in (None, found.is_counted)
    assert made.tokens in (None, (found.usage.tokens_in, found.usage.tokens_out))
    assert made.stop in ("", found.stop_reason)
    assert len(asked) == made.tries
    assert made.sent(asked[-1].body)
    assert made.note in ledger.summary()
    assert made.unsaid not in ledger.summary()


def test_every_way_to_word_a_full_context_has_a_row() -> None:
    words = [row.does for row in ROWS if row.kind == FULL]
    unheard = [name for name, mark in OVERFLOWS.items() if not any(map(found(mark), words))]
    assert unheard == []


def found(mark):
    return lambda words: re.search(mark, words, re.IGNORECASE)


def test_every_dialect_of_calls_has_a_row() -> None:
    assert sorted(SPELLED) == sorted(dialect.name for dialect in DIALECTS)


def test_the_table_of_the_docs_is_these_rows() -> None:
    script = DOCS / "servers.py"
    spec = importlib.util.spec_from_file_location("servers", script)
    writing = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writing)
    page = (DOCS / "chat-models.md").read_text(encoding="utf-8")
    assert page == writing.written(page), "`make table-servers` writes it anew"
