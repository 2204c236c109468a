"""Turn what a provider's HTTP headers say about waiting into seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from harness.protocols.chat_model import Allowance

_DURATION = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?)(ms|h|m|s)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds the provider asks to wait; None if it does not say."""
    if (value := headers.get("retry-after-ms")) is not None and _is_number(value):
        return float(value) / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    if _is_number(value):
        return max(0.0, float(value))
    try:
        return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
    except (OverflowError, TypeError, ValueError):
        return None


def allowance(headers: Mapping[str, str], *, left: str, until: str) -> Allowance | None:
    """What the rate-limit headers of that name allow; None where they are missing or unreadable.

    ``until`` may hold a duration ("6m0s", "120ms", "3") or an ISO time.
    """
    requests, ends = headers.get(left), headers.get(until)
    if requests is None or ends is None or not re.fullmatch("[0-9]{1,18}", requests):
        return None
    seconds = duration(ends)
    return None if seconds is None else Allowance(requests=int(requests), seconds=seconds)


def duration(text: str) -> float | None:
    """The seconds in "1m30s" or "3", or until an ISO time; None if it is neither."""
    if _is_number(text):
        return float(text)
    parts = _DURATION.findall(text)
    if parts and "".join(number + unit for number, unit in parts) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        ends = datetime.fromisoformat(text)
        now = datetime.now(ends.tzinfo or UTC)
        return max(0.0, (ends.replace(tzinfo=ends.tzinfo or UTC) - now).total_seconds())
    except (OverflowError, ValueError):
        return None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,18}(\.[0-9]{1,18})?", text.strip()) is not None
