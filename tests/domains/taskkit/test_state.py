"""The overlay of one conversation over records that all share."""

from __future__ import annotations

from typing import Any

import pytest

from harness.types import Change, ToolCall
from harness_taskkit.state import Overlay, ToolError, answered


def tables() -> dict[str, dict[str, Any]]:
    return {"seats": {"1A": {"row": 1, "taken": False, "notes": ["aisle"]}}, "planes": {"p": {}}}


def test_a_write_is_seen_in_its_own_conversation_alone() -> None:
    shared = tables()
    one, other = Overlay(shared), Overlay(shared)
    one.writable("seats", "1A", "Seat")["taken"] = True
    assert one.record("seats", "1A", "Seat")["taken"]
    assert not other.record("seats", "1A", "Seat")["taken"]
    assert shared == tables()
    assert other.changes() == ()


def test_what_is_only_read_is_not_copied() -> None:
    shared = tables()
    assert Overlay(shared).record("seats", "1A", "Seat") is shared["seats"]["1A"]


def test_changes_name_each_field_by_its_path() -> None:
    overlay = Overlay(tables())
    seat = overlay.writable("seats", "1A", "Seat")
    seat["notes"].append("front")
    seat["row"] = 2
    assert overlay.changes() == (
        Change(path=("seats", "1A", "notes", "1"), before=None, after="front"),
        Change(path=("seats", "1A", "row"), before=1, after=2),
    )


def test_a_record_that_is_put_there_is_a_change_and_stands_among_all_records() -> None:
    overlay = Overlay(tables())
    overlay.put("seats", "1B", {"row": 1})
    assert [change.path for change in overlay.changes()] == [("seats", "1B")]
    assert overlay.records()["seats"].keys() == {"1A", "1B"}


def test_a_transfer_is_a_change() -> None:
    overlay = Overlay(tables())
    overlay.transferred = True
    assert [change.path for change in overlay.changes()] == [("transferred",)]


def test_what_is_not_there_is_refused_by_its_noun() -> None:
    with pytest.raises(ToolError, match="Seat not found"):
        Overlay(tables()).writable("seats", "9Z", "Seat")


def test_a_refusal_is_an_answer_and_a_fault_of_ours_is_none() -> None:
    def refuse(call: ToolCall) -> object:
        raise ToolError(f"no {call.name} today")

    def fail(call: ToolCall) -> object:
        raise KeyError(call.name)

    call = ToolCall(name="fly", arguments={})
    assert answered(call, refuse).content == "Error: no fly today"
    assert answered(call, lambda _: {"a": 1}).content == '{"a": 1}'
    with pytest.raises(KeyError):
        answered(call, fail)
