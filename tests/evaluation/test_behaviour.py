"""What an agent did in a conversation, counted."""

from collections.abc import Sequence

import pytest

from harness.evaluation.behaviour import MadeCall, behaviour, made_calls, passing_failures, repeats
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import World
from harness.types import Ended, Message, Requestor, Split, Task, Tool, ToolCall, Trajectory, Usage


class Shop(DomainDefaults):
    name = "shop"
    tools = (
        Tool(name="look", description="", parameters={}, kind="read"),
        Tool(name="write", description="", parameters={}, kind="write"),
    )
    user_tools = (Tool(name="restart", description="", parameters={}, kind="write"),)

    def tasks(self, split: Split) -> Sequence[Task]:
        return []

    def open(self, task: Task) -> World:
        raise NotImplementedError


def did(
    name: str, of: str = "1", *, answer: str = "ok", failed: bool = False, by: Requestor = "agent"
) -> MadeCall:
    call = ToolCall(name=name, arguments={"of": of}, requestor=by)
    return MadeCall(
        call=call, by=by, turn=0, failed=failed, answer=answer, writes=name in ("write", "restart")
    )


BUSY = did("look", answer="busy", failed=True)


@pytest.mark.parametrize(
    ("made", "count"),
    [
        ([did("look")], 0),
        ([did("look")] * 3, 2),
        ([did("look"), did("look", "2")], 0),
        ([did("look"), did("look", "2")] * 3, 4),
        ([did("look"), did("look", answer="changed")], 0),
        ([did("look"), did("write"), did("look")], 0),
        ([did("look"), did("write", failed=True), did("look")], 1),
        ([did("look"), did("restart", by="user"), did("look")], 0),
        ([did("restart", by="user")] * 3, 0),
        ([did("write", "x"), did("write", "y")] * 2, 2),
        ([did("look"), did("write", "x"), did("look"), did("write", "x"), did("look")], 2),
    ],
    ids=[
        "once", "thrice", "other arguments", "a cycle of two", "another answer", "after a write",
        "after a failed write", "after the user's write", "the user's own", "undo and redo",
        "a write made again lets nothing be looked at again",
    ],
)  # fmt: skip
def test_a_call_is_repeated_if_it_brings_nothing_new(made: list[MadeCall], count: int) -> None:
    assert repeats(made) == count


def test_trying_again_until_it_works_is_free() -> None:
    made = [BUSY, BUSY, did("look")]
    assert repeats(made) == 0
    assert passing_failures(made) == {0, 1}


def test_trying_again_in_vain_is_not() -> None:
    assert repeats([BUSY, BUSY]) == 1
    assert passing_failures([BUSY, BUSY]) == set()


def test_a_failure_that_a_write_put_right_was_no_fault_of_the_tool() -> None:
    assert passing_failures([BUSY, did("write"), did("look")]) == set()


def talk(*messages: Message, ended: Ended = "user_stop", tokens: int = 0) -> Trajectory:
    return Trajectory(
        id="x",
        task_id="t",
        trial=0,
        policy="p",
        seed=0,
        messages=(Message(role="assistant", content="Hi!"), *messages),
        ended=ended,
        usage={"agent": Usage(tokens_out=tokens)} if tokens else {},
    )


def test_the_counts_of_a_conversation() -> None:
    look = ToolCall(name="look", arguments={})
    write = ToolCall(name="write", arguments={})
    found = behaviour(
        talk(
            Message(role="user", content="Hello."),
            Message(role="assistant", calls=(look,)),
            Message(role="tool", content="no", is_error=True),
            Message(role="assistant", calls=(look,)),
            Message(role="tool", content="no", is_error=True),
            Message(role="assistant", calls=(write,)),
            Message(role="tool", content="ok"),
            Message(role="assistant", content="Sorry for the wait: it is done."),
            tokens=40,
        ),
        Shop(),
    )
    assert (found.turns, found.tokens, found.calls) == (4, 40, 3)
    assert (found.invalid, found.repeated, found.writes) == (2, 1, 1)
    assert not found.refused
    assert not found.transferred


def test_a_refusal_says_so_and_writes_nothing() -> None:
    said = Message(role="assistant", content="I am sorry, but I cannot do that.")
    assert behaviour(talk(said), Shop()).refused
    assert behaviour(talk(said, ended="transfer"), Shop()).transferred
    assert not behaviour(talk(Message(role="assistant", content="Which one?")), Shop()).refused


def test_a_call_without_a_result_failed() -> None:
    call = Message(role="assistant", calls=(ToolCall(name="look", arguments={}),))
    assert [one.failed for one in made_calls(talk(call), frozenset())] == [True]
