"""Turn what an SDK raises, or an answer that cannot be read, into a ``ChatFailure``."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterable, Mapping

from harness.errors import ChatFailure, HarnessError
from harness.llm.headers import retry_after
from harness.llm.overflow import is_overflow
from harness.protocols.chat_model import Cause
from harness.types import Json

_LONGEST = 500
"""Characters of what a server said that go into an error."""

HTTP_LIBRARIES = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp", "h11"})
"""What the SDKs send with, by version."""

_STATUS: Mapping[int, Cause] = {
    401: "wrong_key", 402: "no_credit", 403: "wrong_key", 404: "unknown_model", 408: "timeout",
    409: "server_error", 413: "context_overflow", 429: "rate_limit", 503: "overloaded",
    504: "timeout", 529: "overloaded",
}  # fmt: skip
_CODES: Mapping[str, int] = {
    "rate_limit_exceeded": 429, "rate_limit_error": 429, "resource_exhausted": 429,
    "too_many_requests": 429, "overloaded_error": 529, "overloaded": 529, "unavailable": 503,
    "service_unavailable": 503, "deadline_exceeded": 504, "timeout": 504, "timeout_error": 504,
    "authentication_error": 401, "invalid_api_key": 401, "unauthenticated": 401,
    "permission_error": 403, "permission_denied": 403, "model_not_found": 404,
    "not_found_error": 404, "not_found": 404, "insufficient_quota": 402, "billing_error": 402,
    "insufficient_credits": 402, "invalid_request_error": 400, "invalid_argument": 400,
    "bad_request": 400, "badrequesterror": 400, "context_length_exceeded": 400,
    "exceed_context_size_error": 400, "request_too_large": 413,
}  # fmt: skip
"""The statuses that words for errors stand for, where an error comes without a status."""

_CREDIT = re.compile(
    r"insufficient[_ ](quota|credits?|balance|funds)|credit balance is too low|billing"
    r"|requires more credits",
    re.IGNORECASE,
)
_ASKED = re.compile(r"""["'](messages|contents)\\*["']\s*:""")
"""The field of a request that holds the conversation, as JSON or Python write it."""

_BRACE = re.compile("[{}]")
_BUSY = re.compile(r"overloaded|at capacity|no available (workers|capacity)", re.IGNORECASE)
_KEY = re.compile(r"api key not valid|api_key_invalid|invalid api key", re.IGNORECASE)


class Sending:
    """Around a call through the SDK in the module ``sdk``: what is raised becomes a failure.

    What no SDK raises, such as a ``TypeError``, passes: it is a fault of the plugin. A class, as is
    ``Reading``, for the reason that ``harness.errors.plugin_boundary`` is one.
    """

    __slots__ = ("sdk",)

    def __init__(self, sdk: str) -> None:
        self.sdk = sdk

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if not isinstance(error, Exception) or isinstance(error, ChatFailure | HarnessError):
            return
        # SDKs wrap what their HTTP client's hooks raise.
        own = error.__cause__ if isinstance(error.__cause__, ChatFailure) else None
        if failure := own or failure_of(error, self.sdk):
            raise failure from None


class Reading:
    """Around the reading of an answer: one that has not the promised shape is a failure."""

    __slots__ = ()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if isinstance(error, _UNREADABLE):
            what = f"{type(error).__name__}: {error}"[:_LONGEST]
            raise ChatFailure("malformed_reply", f"an answer that cannot be read: {what}") from None


_UNREADABLE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


def failure_of(error: Exception, sdk: str) -> ChatFailure | None:
    """What an SDK's error means, by what such errors have in common; None for one of no SDK.

    An error with an HTTP status (``status_code`` or ``code``) is told apart by it, by its ``body``
    or ``details``, and by the headers of its ``response``; others by "Timeout" or "Connection" in
    the names of their classes. Any other error of the SDK, or within it, is an answer that it could
    not read.
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
        is_answer = _raised_within(error, sdk.partition(".")[0])
        return ChatFailure("malformed_reply", what[:_LONGEST]) if is_answer else None
    if "Timeout" in names:
        return ChatFailure("timeout", what)
    if is_transport or "Connection" in names:
        return ChatFailure("connection", what)
    return ChatFailure("malformed_reply", what)


def status_failure(status: int, said: str, headers: Mapping[str, str]) -> ChatFailure:
    """What an HTTP status other than success means; ``said`` is the body or the error's message."""
    said = " ".join(_without_echo(said).split())[:_LONGEST]
    return ChatFailure(
        _cause(status, said), f"HTTP {status}: {said}", retry_after=retry_after(headers)
    )


def told_failure(error: Json) -> ChatFailure:
    """What an error means that came with status 200, in the place of an answer: the same as with
    the status that its code, type or status stands for; a server error if it has none.
    """
    fields = error if isinstance(error, dict) else {}
    named = [str(fields[name]).lower() for name in ("code", "type", "status") if name in fields]
    statuses = [int(word) for word in named if re.fullmatch("[45][0-9]{2}", word)]
    statuses += [_CODES[word] for word in named if word in _CODES]
    said = " ".join(_without_echo(str(error)).split())[:_LONGEST] or "an error without words"
    status = statuses[0] if statuses else 400 if _is_known(said) else 500
    cause = "overloaded" if status == 500 and _BUSY.search(said) else _cause(status, said)
    return ChatFailure(cause, f"an error in the place of an answer: {said}")


def _said(error: Exception) -> str:
    for name in ("body", "details"):
        if found := getattr(error, name, None):
            return str(found)
    return str(getattr(getattr(error, "response", None), "text", "") or error)


def _raised_within(error: Exception, package: str) -> bool:
    """Whether code of the package was running, and none of the harness in it: an answer was too
    odd for it.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    running = [frame.f_globals.get("__name__", "").partition(".")[0] for frame in frames]
    known = [name for name in running if name == package or name.split("_")[0] == "harness"]
    return bool(known) and known[-1] == package


def _without_echo(said: str) -> str:
    """The words without the request, where they repeat it: what it holds is not said of it."""
    key = _ASKED.search(said)
    if key is None:
        return said
    braces = list(_BRACE.finditer(said))
    before = [brace.end() for brace in braces if brace.end() <= key.start()]
    begins = _outer(said, reversed(before), "{")
    if begins is None:
        return said
    after = [brace.end() for brace in braces if brace.end() > begins]
    ends = _outer(said, after, "}") or len(said)
    rest = f"{said[: begins - 1]}{{…}}{said[ends:]}"
    return rest if re.search(r"\w", rest) else said


def _outer(said: str, ends: Iterable[int], wanted: str) -> int | None:
    """Where the first brace ends that has no partner among those before it."""
    open_ones = 0
    for end in ends:
        open_ones += 1 if said[end - 1] != wanted else -1
        if open_ones < 0:
            return end
    return None


def _is_known(said: str) -> bool:
    return bool(_CREDIT.search(said) or _KEY.search(said)) or is_overflow(said)


def _cause(status: int, said: str) -> Cause:
    if status in (400, 402, 403, 429) and _CREDIT.search(said):
        return "no_credit"
    if status in (400, 413, 422, 500) and is_overflow(said):
        return "context_overflow"
    if status == 400 and _KEY.search(said):
        return "wrong_key"
    return _STATUS.get(status) or ("server_error" if status >= 500 else "bad_request")
