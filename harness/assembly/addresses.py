"""Tell which addresses of servers that settings name may be used."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from harness.errors import ConfigError


def checked_address(url: str) -> str:
    """The address without a slash at its end. Raises ``ConfigError`` for one that is none, or is
    public and not encrypted: servers of one's own mostly ask nobody who they are.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise ConfigError(
            f"{url!r} is no address of a server", hint='Write it as "http://HOST:PORT".'
        )
    if parts.scheme == "http" and is_public(url):
        raise ConfigError(
            f"{url} is a public address without encryption: others could read and change what is "
            "sent",
            hint="Use https, or a loopback or private address, for instance through an ssh tunnel.",
        )
    return url.rstrip("/")


def is_public(url: str) -> bool:
    """Whether any address of the host is outside this machine and private networks."""
    host = urlsplit(url).hostname or ""
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, None)]
    except OSError as error:
        raise ConfigError(
            f"the host {host!r} is not known: {error}", hint="Check the address of the server."
        ) from error
    return not all(map(_is_inside, found))


def _is_inside(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    return found.is_loopback or (found.is_private and not found.is_unspecified)
