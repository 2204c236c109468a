"""Tools are taken for reading or writing ones by their names, where nothing else says it."""

from __future__ import annotations

import pytest

from harness.interchange.inference import infer_tools
from harness.types import Tool


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("grant_access", "write"),
        ("unlockAccount", "write"),
        ("waive_fee", "write"),
        ("make_reservation", "write"),
        ("rebook_flight", "write"),
        ("mark_paid", "write"),
        ("cancel_order", "write"),
        ("order_status", "read"),
        ("return_policy", "read"),
        ("open_hours", "read"),
        ("get_order", "read"),
        ("update_status", "write"),
        ("cancel_order_status", "write"),
        ("weather", "read"),
    ],
)
def test_a_name_tells_whether_a_tool_writes(name: str, kind: str) -> None:
    declared = Tool(name=name, description="", parameters={"type": "object"}, kind="generic")
    [found] = infer_tools([], [declared])
    assert found.tool.kind == kind
