"""Turn a blueprint into its tools, as the agent sees them."""

from __future__ import annotations

from collections.abc import Sequence

from harness.types import Json, Tool, ToolKind
from harness_invented.blueprint import PLACE_SLOTS, Blueprint, Operation
from harness_taskkit.wording import with_article

FOLLOWUP = "YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON."


def tools(plan: Blueprint) -> tuple[Tool, ...]:
    """Look-ups, then writes, then the way to a human."""
    by_email, by_name = plan.finders
    read = plan.readers
    return (
        _tool(plan, by_email, "read", ("email",), f"Find {with_article(plan.client)} by email."),
        _tool(
            plan,
            by_name,
            "read",
            ("first", "last", "code"),
            f"Find {with_article(plan.client)} by name and {_word(plan, 'code')}.",
        ),
        _tool(plan, read["client"], "read", ("client",), f"Show {with_article(plan.client)}."),
        _tool(plan, read["record"], "read", ("record",), f"Show {with_article(plan.record)}."),
        _tool(plan, read["kind"], "read", ("kind",), f"Show {with_article(plan.kind)}."),
        *(_write(plan, operation) for operation in plan.operations.values()),
        _tool(
            plan,
            plan.handover,
            "generic",
            ("summary",),
            "Hand over to a human what the tools cannot do.",
            followup=FOLLOWUP,
        ),
    )


def _write(plan: Blueprint, operation: Operation) -> Tool:
    about = f"{operation.tool.replace('_', ' ').capitalize()}, after an explicit yes."
    return _tool(plan, operation.tool, "write", operation.slots, about)


def _tool(
    plan: Blueprint,
    name: str,
    kind: ToolKind,
    slots: Sequence[str],
    about: str,
    *,
    followup: str = "",
) -> Tool:
    properties: dict[str, Json] = {plan.arguments[slot]: _schema(plan, slot) for slot in slots}
    return Tool(
        name=name,
        description=about,
        parameters={"type": "object", "properties": properties, "required": list(properties)},
        kind=kind,
        nouns={plan.arguments[slot]: _noun(plan, slot) for slot in slots},
        followup=followup,
    )


def _schema(plan: Blueprint, slot: str) -> dict[str, Json]:
    match slot:
        case "entries" | "editions":
            return {"type": "array", "items": {"type": "string"}}
        case "count":
            return {"type": "integer"}
        case "reason":
            return {"type": "string", "enum": list(plan.reasons)}
        case "option":
            return {"type": "string", "enum": list(plan.option_values)}
        case _:
            return {"type": "string"}


def _noun(plan: Blueprint, slot: str) -> str:
    nouns = {
        "client": plan.client,
        "record": plan.record,
        "kind": plan.kind,
        "entries": plan.entry,
        "editions": plan.edition,
        "account": plan.account,
        **dict.fromkeys(PLACE_SLOTS, plan.place),
    }
    return nouns.get(slot, _word(plan, slot))


def _word(plan: Blueprint, slot: str) -> str:
    return plan.arguments[slot].replace("_", " ")
