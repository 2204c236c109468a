"""Turn what may hold a secret into what does not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from operator import is_
from typing import Any, TypeVar
from urllib.parse import quote

T = TypeVar("T")

MASK = "[redacted]"
SHORTEST = 8
"""A shorter value is no key, and masking it would spoil ordinary words. So many characters of a
key's beginning, at the end of a text that was cut there, are masked too.
"""

NAMES = re.compile(
    r"(KEY|TOKEN|SECRET|PASS(WORD|WD|PHRASE)?|PWD|CREDENTIAL|(^|_)(PAT|AUTH|DSN))S?(_?(ID|[0-9]+))?$"
    r"|SECRET",
    re.IGNORECASE,
)
"""Variables of the environment that hold secrets, by what their names end in or hold."""

ORDINARY = re.compile(r"(^|_)(OLD)?PWD$", re.IGNORECASE)
"""The shell's folders are named like passwords."""

_IN_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^/@\s:]*:([^/@\s]+)@", re.IGNORECASE)


class Redactor:
    """Masks the secrets that were in the environment when it was made: the values of variables
    named like secrets, without the white space around them, each line of one that has several, and
    passwords in addresses; also as JSON and addresses write them.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        found = os.environ if environment is None else environment
        values = {secret for name, value in found.items() for secret in _secrets(name, value)}
        # The longest first: one may be the beginning of another.
        self._secrets = sorted(values, key=len, reverse=True)
        self._begins = {secret[:SHORTEST] for secret in values}

    def text(self, text: str) -> str:
        if not any(begin in text for begin in self._begins):
            return text
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        for secret in self._secrets:
            if cut := _cut_off(secret, text):
                return text[:-cut] + MASK
        return text

    def value(self, value: T) -> T:
        """The value with every text in it masked: in lists, tables and dataclasses. A part that
        holds no secret is the same object.
        """
        masked: T = self._masked(value) if self._secrets else value
        return masked

    def _masked(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, int | float):
            return value
        if names := _field_names(type(value)):
            parts = [getattr(value, name) for name in names]
            masked = [self._masked(part) for part in parts]
            same = _same(masked, parts)
            return value if same else replace(value, **dict(zip(names, masked, strict=True)))
        if isinstance(value, list | tuple):
            items = [self._masked(item) for item in value]
            return value if _same(items, value) else type(value)(items)
        if isinstance(value, Mapping):
            table = {self._masked(key): self._masked(item) for key, item in value.items()}
            same = _same(table, value) and _same(table.values(), value.values())
            return value if same else table
        return value


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    """Those of a dataclass; () of anything else."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


def _same(masked: Collection[object], given: Collection[object]) -> bool:
    """Whether nothing was masked: each part is the very object that it was."""
    return len(masked) == len(given) and all(map(is_, masked, given))


def _secrets(name: str, value: str) -> Iterator[str]:
    found = [match[1] for match in _IN_ADDRESS.finditer(value)]
    if NAMES.search(name) and not ORDINARY.search(name):
        found += [value.strip(), *map(str.strip, value.splitlines())]
    for secret in found:
        if len(secret) >= SHORTEST:
            yield from {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}


def _cut_off(secret: str, text: str) -> int:
    """How many characters of the secret's beginning the text ends in; 0 if too few to tell."""
    begins = text.find(secret[:SHORTEST], max(0, len(text) - len(secret) + 1))
    while begins >= 0 and not secret.startswith(text[begins:]):
        begins = text.find(secret[:SHORTEST], begins + 1)
    return len(text) - begins if begins >= 0 else 0
