"""Serve the page of a run to browsers on this machine, and nobody else.

The server listens on the loopback address alone, answers only who knows the token in the address,
and writes nothing. A page of somebody else cannot read it: the token is random, and a request that
names another host, as one does whose name was bound to this machine, is refused.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness.errors import RunError
from harness.report.viewer.assembly import policy
from harness.report.viewer.following import Followed, Shown

HOST = "127.0.0.1"

_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: HTTPStatus
    body: bytes = b""
    kind: str = "text/plain; charset=utf-8"


class Server(ThreadingHTTPServer):
    """The page of a followed run at ``address``, once ``serve_forever`` runs."""

    daemon_threads = True

    def __init__(self, followed: Followed, port: int = 0, token: str = "") -> None:
        """port: 0 takes a free one. Raises ``RunError`` if it is taken."""
        self.followed = followed
        self.token = token or secrets.token_urlsafe(24)
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise RunError(
                f"cannot listen on {HOST}, port {port}: {error}",
                hint="Choose another --port, or none.",
            ) from None

    @property
    def address(self) -> str:
        """What to open; who has it can read the run as long as the server runs."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What a browser on this machine calls this server."""
        return frozenset(f"{name}:{self.server_port}" for name in (HOST, "localhost"))

    def answer(self, host: str, path: str) -> _Answer:
        """What a request gets."""
        if host not in self.hosts:
            return _Answer(status=HTTPStatus.MISDIRECTED_REQUEST, body=b"unknown host\n")
        token, slash, name = path.removeprefix("/").partition("?")[0].partition("/")
        if not slash or not secrets.compare_digest(token.encode(), self.token.encode()):
            return _Answer(status=HTTPStatus.NOT_FOUND, body=b"not found\n")
        return _found(self.followed.now(), name)


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD; every other method is one that the server does not know."""

    server: Server
    server_version = "harness"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        self._send(with_body=True)

    def do_HEAD(self) -> None:
        self._send(with_body=False)

    def _send(self, *, with_body: bool) -> None:
        answer = self.server.answer(self.headers.get("Host", ""), self.path)
        self.send_response(answer.status)
        headers = {
            "Content-Type": answer.kind,
            "Content-Length": str(len(answer.body)),
            "Content-Security-Policy": f"{policy(served=True)}; frame-ancestors 'none'",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a request's line holds the token."""


def _found(shown: Shown, name: str) -> _Answer:
    pack = shown.contents.pack
    made: dict[str, tuple[str, Callable[[], bytes]]] = {
        "": (_HTML, lambda: shown.page),
        "overview": (_HTML, lambda: shown.overview),
        "manifest": ("application/json", lambda: json.dumps(pack.manifest).encode()),
    }
    if name in made:
        kind, body = made[name]
        return _Answer(status=HTTPStatus.OK, body=body(), kind=kind)
    part = pack.parts.get(name.removeprefix("part/")) if name.startswith("part/") else None
    if part is None:
        return _Answer(status=HTTPStatus.NOT_FOUND, body=b"not found\n")
    return _Answer(status=HTTPStatus.OK, body=part, kind="application/octet-stream")
