"""Ids and seeds that depend on content alone, never on the order of execution."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


def stable_id(*parts: object) -> str:
    """The first 12 hex digits of the sha256 of the parts in canonical JSON: equal parts, equal
    id.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=_jsonable)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def stable_seed(*parts: object) -> int:
    """A seed in [0, 2**31) that depends on the parts alone, not on order of execution."""
    return int(stable_id(*parts), 16) % 2**31


def _jsonable(value: object) -> object:
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no canonical JSON for {type(value).__name__}")
