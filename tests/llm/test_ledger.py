import asyncio
import json

import pytest

from harness.errors import BudgetSpent, ConfigError
from harness.llm.ledger import Budget, Ledger
from harness.llm.prices import Prices
from harness.testing.wires import Reply
from harness.types import Message, Usage

EACH = Usage(tokens_in=90, tokens_out=10)


def spend(calls, count, *, at_once=1, **budget):
    """Ask up to ``count`` questions; what was spent when it stopped."""
    way = calls(**budget)
    chat = way.chat("user", "claude")

    async def worker(numbers):
        for number in numbers:
            messages = [Message(role="user", content=str(number))]
            await chat.ask(messages, system="", version="1")

    async def all_of_them():
        numbers = iter(range(count))
        await asyncio.gather(*(worker(numbers) for _ in range(at_once)), return_exceptions=True)

    asyncio.run(all_of_them())
    return way.shared.ledger


def test_a_budget_of_tokens_stops_before_it_is_passed(serve, calls) -> None:
    server = serve("claude", lambda asked: Reply(text="Yes.", usage=EACH))
    ledger = spend(calls, 100, budget_tokens=1050)
    assert len(server.asked) == 10
    assert ledger.spent.tokens_in + ledger.spent.tokens_out == 1000


def test_a_budget_in_dollars_stops_before_it_is_passed(serve, calls) -> None:
    serve("claude", lambda asked: Reply(text="Yes.", usage=Usage(tokens_in=1000, tokens_out=200)))
    ledger = spend(calls, 100, budget_usd=0.02)
    assert ledger.spent.cost_usd == pytest.approx(3 * 0.006)


def test_many_calls_at_once_overshoot_by_those_in_flight_at_most(serve, calls) -> None:
    sizes = iter(range(1, 10_000))
    server = serve(
        "claude",
        lambda asked: Reply(
            text="Yes.", usage=Usage(tokens_in=next(sizes) * 10, tokens_out=1), seconds=0.005
        ),
    )
    ledger = spend(calls, 500, at_once=16, budget_tokens=5000)
    largest = 10 * len(server.asked) + 1
    assert ledger.spent.tokens_in + ledger.spent.tokens_out < 5000 + 16 * largest
    assert len(server.asked) < 100


def test_what_an_earlier_session_of_the_run_spent_counts(calls) -> None:
    ledger = Ledger(Budget(tokens=500))
    ledger.paid("user", Usage(tokens_in=480, tokens_out=0, calls=5))
    later = Ledger(Budget(tokens=500))
    later.recall(ledger.plain())
    with pytest.raises(BudgetSpent), later.call("judge"):
        pass
    raised = Ledger(Budget(tokens=5000))
    raised.recall(ledger.plain())
    with raised.call("judge"):
        pass


def test_counts_survive_being_written_down() -> None:
    ledger = Ledger()
    ledger.paid("user", EACH)
    ledger.of("user").faults["timeout"] += 2
    later = Ledger()
    later.recall(ledger.plain())
    assert later.roles == ledger.roles


def test_roles_are_counted_apart(serve, calls) -> None:
    serve("claude", lambda asked: Reply(text="Yes.", usage=EACH))
    way = calls()
    for role, times in (("user", 2), ("judge", 1)):
        for number in range(times):
            chat = way.chat(role, "claude")
            asyncio.run(
                chat.ask([Message(role="user", content="x")], system="", version="1", seed=number)
            )
    roles = way.shared.ledger.roles
    assert {role: counts.usage.calls for role, counts in roles.items()} == {"user": 2, "judge": 1}


def test_a_call_cut_off_is_counted_as_abandoned(serve, calls) -> None:
    serve("claude", lambda asked: Reply(text="late", seconds=5))
    way = calls()
    chat = way.chat("user", "claude")

    async def impatient():
        async with asyncio.timeout(0.3):
            await chat.ask([Message(role="user", content="x")], system="", version="1")

    with pytest.raises(TimeoutError):
        asyncio.run(impatient())
    counts = way.shared.ledger.of("user")
    assert (counts.attempts, counts.abandoned) == (1, 1)


def test_cached_input_has_its_own_price() -> None:
    usage = Usage(tokens_in=1_000_000, tokens_out=1_000_000, tokens_cached=400_000)
    assert Prices.load().cost("claude-sonnet-4-5", usage) == pytest.approx(1.8 + 0.12 + 15)


def test_a_dated_model_has_its_familys_price_and_a_newer_family_has_none() -> None:
    prices = Prices.load()
    assert prices.cost("gpt-4o-2024-08-06", EACH) == prices.cost("gpt-4o", EACH)
    assert prices.cost("claude-sonnet-4-5-20250929", EACH) is not None
    assert prices.cost("gpt-4o-next", EACH) is None


def test_the_users_table_wins_row_by_row(tmp_path) -> None:
    table = tmp_path / "prices.toml"
    table.write_text('"mine" = { input = 1, output = 2 }\n"gpt-4o" = { input = 0, output = 0 }\n')
    prices = Prices.load(str(table))
    assert prices.cost("mine", EACH) == pytest.approx(110 / 1e6)
    assert prices.cost("gpt-4o", EACH) == 0
    assert prices.knows("claude-haiku-4-5")


@pytest.mark.parametrize("text", ["not toml", '"m" = 3', '"m" = { input = -1, output = 1 }'])
def test_a_table_that_is_none_is_an_error(tmp_path, text) -> None:
    (tmp_path / "prices.toml").write_text(text)
    with pytest.raises(ConfigError, match="price table"):
        Prices.load(str(tmp_path / "prices.toml"))


def test_a_model_without_a_price_is_counted_and_said(serve, calls) -> None:
    serve("openai", lambda asked: Reply(text="Yes.", usage=EACH))
    way = calls()
    chat = way.chat("user", "openai:my-own-model")
    asyncio.run(chat.ask([Message(role="user", content="x")], system="", version="1"))
    assert way.shared.ledger.spent.tokens_in == 90
    assert "no price is known for my-own-model" in way.shared.ledger.summary()


def test_a_budget_in_dollars_needs_a_price(serve, calls) -> None:
    serve("openai", lambda asked: Reply())
    with pytest.raises(ConfigError, match="my-own-model"):
        calls(budget_usd=1.0).chat("user", "openai:my-own-model")


def test_notes_are_kept_with_the_counts_and_said_after_a_resume() -> None:
    first, second = Ledger(), Ledger()
    for _ in range(2):
        first.note("agent", "m takes no seed: it was left out")
    second.recall(json.loads(json.dumps(first.plain())))
    second.note("user", "m takes no seed: it was left out")
    assert second.summary().count("m takes no seed") == 1
    assert [dict(counts.notes) for counts in second.roles.values()] == [
        {"m takes no seed: it was left out": 2},
        {"m takes no seed: it was left out": 1},
    ]
