"""Keep the requests of a client, and the key in them, at the server they were meant for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from harness.errors import ChatFailure


class Address(Protocol):
    """A URL as the HTTP clients of the SDKs have it; the default port is None."""

    scheme: str
    host: str
    port: int | None


class Request(Protocol):
    """A request as these clients hand it to their hooks."""

    url: Address


Hooks = Mapping[str, list[Callable[[Request], Awaitable[None]]]]


def one_origin() -> Hooks:
    """The ``event_hooks`` of one HTTP client: scheme, host and port of its first request are those
    of all. Another raises ``ChatFailure`` before it is sent: a redirect to another server would
    take the key there, since the SDKs put it into headers that HTTP clients do not know.
    """
    first: list[tuple[str, str, int | None]] = []

    async def stay(request: Request) -> None:
        origin = (request.url.scheme, request.url.host, request.url.port)
        if not first:
            first.append(origin)
        if origin != first[0]:
            scheme, host, port = origin
            where = f"{scheme}://{host}" + (f":{port}" if port else "")
            raise ChatFailure(
                "bad_request",
                f"the server sends its callers on to {where}, which was not followed: the key "
                "would go there; name that server as the base URL if it is the right one",
            )

    return {"request": [stay]}
