"""Addresses in settings: what is public is encrypted, or refused."""

import pytest

from harness.assembly.addresses import checked_address, is_public
from harness.errors import ConfigError


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000", "http://localhost:8000/", "http://10.1.2.3:80", "https://8.8.8.8"],
)
def test_private_or_encrypted_addresses_are_taken(url: str) -> None:
    assert checked_address(url) == url.rstrip("/")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://8.8.8.8:8000", "public address without encryption"),
        ("http://0.0.0.0:8000", "public address without encryption"),
        ("127.0.0.1:8000", "no address"),
        ("ftp://127.0.0.1", "no address"),
        ("http://", "no address"),
        ("http://me:secret@127.0.0.1:8000", "no address"),
    ],
)
def test_other_addresses_are_refused(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        checked_address(url)


def test_an_address_is_public_if_it_is_outside_of_private_networks() -> None:
    assert is_public("https://8.8.8.8:1")
    assert not is_public("http://192.168.0.7:1")
