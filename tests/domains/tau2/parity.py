"""Make the same valid and invalid calls of both sides, and compare answers and states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from harness.types import Tool, ToolCall

from .official import (
    Side,
    differing_records,
    environment,
    official_answer,
    official_hash,
    our_state_hash,
)

CALLS = 10
"""Calls in a sequence."""

ODD: tuple[Any, ...] = (
    None, True, 0, 7, -1.5, "", " ", "1", "é", "#W0000000", [], [[]], ["1", 2], [None], {},
    {"id": "1"}, ["#W0000000"], ["gift_card_0000000"],
)  # fmt: skip
NAMES = ("self", "tool_name", "requestor", "shop", "call", "order", "order_ids", "db", "kwargs")
TOOL_NAMES = ("", "think", "get_order", "__init__", "use_tool", "Calculate")
EXPRESSIONS = (
    "", " ", "1 \t", "\n1", "1 2", "2 +", "007", "1.2.3", "1..", ".5.", "1e5", "1_0", "abs(1)",
    "(", ")", "((1)", "()", "...", "1(2)", "(1)(2)", "1(*())", "1(**())", "1(**1)", "1(*1)",
    "(*1)", "*1", "-+-1", "--1", "1 / 0", "1 // 0", "0 ** -1", "(-8) ** .5", "(-8) ** .5 // 2",
    "2 ** 3 ** 2", "10 ** 400", "10 ** 400 / 10 ** 399", "10.0 ** 400", "9 ** 99 ** 2",
    "1 ** 10000000000", "()*3", "() + 1", "()**2", "2 ** ()", "  19.99 * 2", "2 * 3.5 - (4 / 2)",
    "1.005 + 1", "2.675 * 1", "-0.001", "1" * 400, "1" * 5000, "(" * 250 + ")" * 250,
    "-" * 9000 + "1", "1" + "+1" * 300,
)  # fmt: skip


def spoilt(
    rng: Random, tool: Tool, arguments: dict[str, Any], odd: Sequence[Any] = ODD
) -> ToolCall:
    """A call of the tool; one in five lacks an argument, has one too many or an odd one, names no
    tool, or is the user's."""
    name, damage = tool.name, rng.randrange(40)
    if damage == 0 and arguments:
        arguments.pop(rng.choice(sorted(arguments)))
    elif damage == 1:
        arguments[rng.choice(NAMES)] = rng.choice(odd)
    elif damage == 2:
        name = rng.choice(TOOL_NAMES)
    elif damage < 7 and arguments:
        arguments[rng.choice(sorted(arguments))] = rng.choice(odd)
    return ToolCall(name=name, arguments=arguments, requestor="user" if damage == 7 else "agent")


def expressions() -> st.SearchStrategy[str]:
    """Texts that upstream works out in no time: at most one power, of small numbers."""
    number = st.sampled_from(["0", "1", "19.99", "3.", ".5", "12", "(2 + 3)", "-4", "()"])
    sign = st.sampled_from([" + ", "-", "*", " / ", "//", "**", " ", "(", ")"])
    grown = st.lists(st.tuples(number, sign), min_size=1, max_size=5).map(
        lambda pairs: "".join(part for pair in pairs for part in pair).rstrip("+-*/ ")
    )
    wild = st.text(alphabet="0123456789+-*/(). x", max_size=9)
    return (st.sampled_from(EXPRESSIONS) | grown | wild).filter(
        lambda text: text in EXPRESSIONS or text.count("**") < 2
    )


def assert_alike(
    side: Side, script: Sequence[ToolCall], *, compat: Any = None, whole: bool = False
) -> None:
    """``compat``: switches of our tools, as in tau2 if None. ``whole``: the official hashes of both
    states are compared, too."""
    made, world = environment(of=side), side.world(compat)
    for call in script:
        result = world.call(call)
        assert (result.content, result.is_error) == official_answer(made, call), call
        assert differing_records(made, world, side) == [], call
    if whole:
        assert our_state_hash(world) == official_hash(made)


def compare(
    side: Side,
    conversations: Callable[[], st.SearchStrategy[list[ToolCall]]],
    sequences: int,
    *,
    compat: Any = None,
    hashed: int = 0,
) -> None:
    """Have so many conversations in both; of the first ``hashed`` hash the whole states too."""
    left = iter(range(hashed))

    @given(conversations())
    @settings(
        max_examples=sequences,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def one(script: list[ToolCall]) -> None:
        assert_alike(side, script, compat=compat, whole=next(left, None) is not None)

    one()
