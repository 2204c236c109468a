"""Turn what may hold a secret into what does not."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from itertools import chain
from operator import attrgetter
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
        if self._is_clean(text):
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
        masked: T = value if self._is_clean(value) else self._masked(value)
        return masked

    def _is_clean(self, value: Any) -> bool:
        """Whether no text in the value can hold a secret: nearly always so, and soon found out."""
        for part in _parts_of(value.__class__)(value):
            kind = type(part)
            if kind is str:
                for begins in self._begins:
                    if begins in part:
                        return False
            elif kind not in _NUMBERS and not self._is_clean(part):
                return False
        return True

    def _masked(self, value: Any) -> Any:
        if self._is_clean(value):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self._masked(key): self._masked(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(map(self._masked, value))
        names = _field_names(value.__class__)
        return replace(value, **{name: self._masked(getattr(value, name)) for name in names})


_NUMBERS = frozenset({int, float, bool, type(None)})


def _field_names(kind: type) -> tuple[str, ...]:
    """Those of a dataclass; () of anything else."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else ()


@cache
def _parts_of(kind: type) -> Callable[[Any], Iterable[Any]]:
    """How to get what may hold texts in a value of that type: that of a list, a table or a
    dataclass; a text is one part.
    """
    if issubclass(kind, str):
        return lambda text: (str(text),)
    if names := _field_names(kind):
        # With one name there would be no tuple.
        return attrgetter(*names, names[0])
    if issubclass(kind, list | tuple):
        return lambda items: items
    if issubclass(kind, Mapping):
        return lambda table: chain(table, table.values())
    return lambda value: ()


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
