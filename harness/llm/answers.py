"""Turn the body of a provider's answer into typed parts: what all wires share in reading one."""

from __future__ import annotations

import codecs
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.llm.plain_json import loads
from harness.llm.sdk_errors import told_failure
from harness.types import Json, Usage

Shape = TypeVar("Shape", bound="Body")

MOST_TOKENS = 10**9
"""No answer takes more: a larger count is no count."""


class Told(BaseModel):
    """What a provider told: fields of these types, and others that do not matter."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Kept(Told):
    """The same, with the other fields in ``model_extra``."""

    model_config = ConfigDict(extra="allow", frozen=True)


class Body(Told):
    """The whole of an answer, with the fields by which it may tell an error in its place."""

    error: Any = None
    object: Any = None
    type: Any = None
    code: Any = None
    message: Any = None

    @property
    def failure(self) -> Any:
        """The error that was told, in the ways of routers and servers; nothing: there is none."""
        is_error = "error" in (self.object, self.type)
        return self.error or (self.model_dump(exclude_none=True) if is_error else None)


def parsed(body: bytes, shape: type[Shape]) -> Shape:
    """The answer in a body. Raises ``ValueError`` if it has not the shape, and a ``ChatFailure`` of
    its own where an error came in its place.

    A byte order mark, half a surrogate pair, an answer in a list of its own and an error told as an
    event of a stream are understood.
    """
    answer = _shaped(body, shape)
    if answer.failure:
        raise told_failure(answer.failure)
    return answer


def _shaped(body: bytes, shape: type[Shape]) -> Shape:
    try:
        return shape.model_validate_json(body)
    except ValidationError:
        document = _document(body.removeprefix(codecs.BOM_UTF8))
    try:
        return shape.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if failure := _failure_in(document):
        raise told_failure(failure)
    place = ".".join(map(str, first["loc"])) or "the answer"
    raise ValueError(f"{place}: {first['msg']}")


def _failure_in(document: Json) -> Any:
    try:
        return Body.model_validate(document).failure
    except ValidationError:
        return None


def usage(
    told: Any,
    *,
    fresh: str,
    out: tuple[str, ...],
    cached: str,
    beside: tuple[str, ...] = (),
    omits_zeros: bool = False,
) -> Usage | None:
    """The tokens by the names of their counts; None if the provider did not tell them.

    ``fresh`` and what is ``beside`` it were read, ``cached`` of that from a cache (dots lead into
    tables); ``out`` were written, the first of them always told, unless the provider
    ``omits_zeros``. A count may be text. One that is no whole number is not told.
    """
    read, wrote = _count(told, fresh), [_count(told, name) for name in out]
    is_zero = omits_zeros and isinstance(told, dict) and out[0] not in told
    if read is None or (wrote[0] is None and not is_zero):
        return None
    more = sum(_count(told, name) or 0 for name in beside)
    return Usage(
        tokens_in=read + more,
        tokens_out=sum(count or 0 for count in wrote),
        tokens_cached=min(_count(told, cached) or 0, read + more),
    )


def _count(told: Any, name: str) -> int | None:
    found = told
    for step in name.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    if type(found) is not int:
        found = _whole_number(found)
    return found if found is not None and 0 <= found <= MOST_TOKENS else None


def _whole_number(told: Any) -> int | None:
    """That of a text or a float; None if it is none."""
    is_text = isinstance(told, str) and len(told) <= len(str(MOST_TOKENS))
    if (is_text and told.strip().isdecimal()) or (isinstance(told, float) and told.is_integer()):
        return int(told)
    return None


def _document(body: bytes) -> Json:
    text = body.decode("utf-8", "surrogatepass" if b"\xed" in body else "strict").strip()
    if text.startswith(("data:", "event:", ":")):
        return _event(text)
    document = loads(text)
    return document[0] if isinstance(document, list) and len(document) == 1 else document


def _event(stream: str) -> Json:
    """The event of a stream that tells an error. Raises ``ValueError`` if none does."""
    for line in stream.splitlines():
        name, _, value = line.partition(":")
        if name == "data" and value.strip().startswith("{"):
            document = loads(value.strip())
            if _failure_in(document):
                return document
    raise ValueError("a stream of events, where one answer was asked for")
