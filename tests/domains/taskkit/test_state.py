"""The overlay of one conversation over records that all share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from harness.types import Change, ToolCall
from harness_taskkit.state import AnsweringWorld, Overlay, ToolError


@dataclass
class Database:
    tables: dict[str, dict[str, Any]]


def seats() -> Database:
    rows = {"1A": {"row": 1, "taken": False, "notes": ["aisle"]}}
    return Database({"seats": rows, "planes": {"p": {}}})


def test_a_write_is_seen_in_its_own_conversation_alone() -> None:
    shared = seats()
    one, other = Overlay(shared, None), Overlay(shared, None)
    one.writable("seats", "1A", "Seat")["taken"] = True
    assert one.record("seats", "1A", "Seat")["taken"]
    assert not other.record("seats", "1A", "Seat")["taken"]
    assert shared == seats()
    assert other.changes() == ()


def test_what_is_only_read_is_not_copied() -> None:
    shared = seats()
    assert Overlay(shared, None).record("seats", "1A", "Seat") is shared.tables["seats"]["1A"]


def test_changes_name_each_field_by_its_path() -> None:
    overlay = Overlay(seats(), None)
    seat = overlay.writable("seats", "1A", "Seat")
    seat["notes"].append("front")
    seat["row"] = 2
    assert overlay.changes() == (
        Change(path=("seats", "1A", "notes", "1"), before=None, after="front"),
        Change(path=("seats", "1A", "row"), before=1, after=2),
    )


def test_a_number_of_another_type_is_a_change_as_it_is_another_text() -> None:
    overlay = Overlay(seats(), None)
    overlay.writable("seats", "1A", "Seat")["row"] = 1.0
    (change,) = overlay.changes()
    assert (change.path, type(change.after)) == (("seats", "1A", "row"), float)


def test_a_record_that_is_put_there_is_a_change_and_stands_among_all_records() -> None:
    overlay = Overlay(seats(), None)
    overlay.put("seats", "1B", {"row": 1})
    assert [change.path for change in overlay.changes()] == [("seats", "1B")]
    assert overlay.records()["seats"].keys() == {"1A", "1B"}


def test_a_transfer_is_a_change() -> None:
    overlay = Overlay(seats(), None)
    overlay.transferred = True
    assert [change.path for change in overlay.changes()] == [("transferred",)]


def test_what_is_not_there_is_refused_by_its_noun() -> None:
    with pytest.raises(ToolError, match="Seat not found"):
        Overlay(seats(), None).writable("seats", "9Z", "Seat")


class Airport(AnsweringWorld):
    def carry_out(self, call: ToolCall) -> object:
        if call.name == "refuse":
            raise ToolError("no flights today")
        if call.name == "fail":
            raise KeyError(call.name)
        return {"a": 1}


def test_a_refusal_is_an_answer_and_a_fault_of_ours_is_none() -> None:
    refused = Airport().call(ToolCall(name="refuse", arguments={}))
    assert (refused.content, refused.is_error) == ("Error: no flights today", True)
    assert Airport().call(ToolCall(name="look", arguments={})).content == '{"a": 1}'
    with pytest.raises(KeyError):
        Airport().call(ToolCall(name="fail", arguments={}))
