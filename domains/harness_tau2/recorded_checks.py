"""Compare the checks that an evaluator recorded with the criteria of the task that they are of."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from harness.types import Json
from harness_tau2.wire import Object

SHOWN = 120
"""Characters of a check that are shown."""


def contradiction(checked: Object, task: Object) -> str:
    """How the checks in a reward record cannot be of the task, "" if they can.

    Actions, assertions about the environment and what must be said are compared, in any order; a
    kind of which nothing is recorded says nothing. Judges write statements in words in their own
    words: these are not compared.
    """
    criteria = _table(task.get("evaluation_criteria"))
    for recorded, wanted, read in (
        ("action_checks", "actions", _action),
        ("env_assertions", "env_assertions", _assertion),
        ("communicate_checks", "communicate_info", _info),
    ):
        found = [_read(check, read) for check in _list(checked.get(recorded))]
        expected = [_read(criterion, read) for criterion in _list(criteria.get(wanted))]
        if problem := _difference(recorded, [one for one in found if one], expected):
            return problem
    return ""


def _difference(recorded: str, found: Sequence[Json], expected: Sequence[Json]) -> str:
    left = list(expected)
    for check in found:
        if check not in left:
            return f"{recorded} have {_shown(check)}, which is no criterion of that task"
        left.remove(check)
    if found and left:
        return f"{recorded} lack {_shown(left[0])}, which is a criterion of that task"
    return ""


def _read(raw: Json, read: Callable[[Object], Json]) -> Json:
    """A check or a criterion as what is compared; one in plain words is that already."""
    return read(raw) if isinstance(raw, dict) else raw


def _action(raw: Object) -> Json:
    action = _table(raw.get("action")) or raw
    return {"name": action.get("name"), "arguments": action.get("arguments") or {}}


def _assertion(raw: Object) -> Json:
    assertion = _table(raw.get("env_assertion")) or raw
    return {
        "func_name": assertion.get("func_name"),
        "arguments": assertion.get("arguments") or {},
        "assert_value": assertion.get("assert_value", True),
    }


def _info(raw: Object) -> Json:
    return raw.get("info")


def _table(value: Json) -> Object:
    return value if isinstance(value, dict) else {}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _shown(value: Json) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return f"{text[:SHOWN]}…" if len(text) > SHOWN else text
