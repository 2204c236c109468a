"""Turn what an SDK raises, or an answer that cannot be read, into a ``ChatFailure``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from harness.errors import ChatFailure, HarnessError
from harness.llm.headers import retry_after
from harness.protocols.chat_model import Cause

HTTP_LIBRARIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "h11"})
"""What the SDKs send with, by version."""

_STATUS: Mapping[int, Cause] = {
    401: "wrong_key", 402: "no_credit", 403: "wrong_key", 404: "unknown_model", 408: "timeout",
    409: "server_error", 413: "context_overflow", 429: "rate_limit", 503: "overloaded",
    504: "timeout", 529: "overloaded",
}  # fmt: skip
_OVERFLOW = re.compile(
    r"prompt is too long|context.?(length|limit|window)|maximum (context|model) length"
    r"|input token count.*exceeds|too many (input )?tokens",
    re.IGNORECASE,
)
_CREDIT = re.compile(r"insufficient_quota|credit balance is too low|billing", re.IGNORECASE)
_KEY = re.compile(r"api key not valid|api_key_invalid|invalid api key", re.IGNORECASE)


@contextmanager
def sending(sdk: str) -> Iterator[None]:
    """Around a call through the SDK in the module ``sdk``: what is raised becomes a failure.

    What no SDK raises, such as a ``TypeError``, passes: it is a fault of the plugin.
    """
    try:
        yield
    except (ChatFailure, HarnessError):
        raise
    except Exception as error:
        failure = failure_of(error, sdk)
        if failure is None:
            raise
        raise failure from None


@contextmanager
def reading() -> Iterator[None]:
    """Around the reading of an answer: one that has not the promised shape is a failure."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ChatFailure("malformed_reply", f"an answer that cannot be read: {what}") from None


def failure_of(error: Exception, sdk: str) -> ChatFailure | None:
    """What an SDK's error means, by what such errors have in common; None for one of no SDK.

    An error with an HTTP status (``status_code`` or ``code``) is told apart by it, by its ``body``
    or ``details``, and by the headers of its ``response``; others by "Timeout" or "Connection" in
    the names of their classes. Any other error of the SDK is an answer that it could not read.
    """
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    if isinstance(status, int):
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
        return status_failure(status, _said(error), headers)
    names = " ".join(kind.__name__ for kind in type(error).__mro__)
    what = f"{type(error).__name__}: {error.__cause__ or error}"
    package = type(error).__module__.partition(".")[0]
    is_transport = package in HTTP_LIBRARIES or isinstance(error, OSError)
    if not is_transport and package != sdk.partition(".")[0]:
        return ChatFailure("malformed_reply", what) if isinstance(error, ValueError) else None
    if "Timeout" in names:
        return ChatFailure("timeout", what)
    if is_transport or "Connection" in names:
        return ChatFailure("connection", what)
    return ChatFailure("malformed_reply", what)


def status_failure(status: int, said: str, headers: Mapping[str, str]) -> ChatFailure:
    """What an HTTP status other than success means; ``said`` is the body or the error's message."""
    said = " ".join(said.split())[:500]
    return ChatFailure(
        _cause(status, said), f"HTTP {status}: {said}", retry_after=retry_after(headers)
    )


def _said(error: Exception) -> str:
    for name in ("body", "details"):
        if found := getattr(error, name, None):
            return str(found)
    return str(getattr(getattr(error, "response", None), "text", "") or error)


def _cause(status: int, said: str) -> Cause:
    if status in (400, 402, 403, 429) and _CREDIT.search(said):
        return "no_credit"
    if status in (400, 413, 422) and _OVERFLOW.search(said):
        return "context_overflow"
    if status == 400 and _KEY.search(said):
        return "wrong_key"
    return _STATUS.get(status) or ("server_error" if status >= 500 else "bad_request")
