"""Turn a request that a server refused into one that it takes, and learn for the next ones."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.errors import ChatFailure
from harness.llm.overflow import most, room
from harness.protocols.chat_model import ChatRequest

MOST_CHANGES = 8
"""How often one question is asked in another way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispensable:
    """A part of requests that some servers refuse, and that a request can do without.

    ``name`` is that of a field of the body, or of a manner of saying something. ``refusal`` is how
    servers word it, "": by the name of the field alone. ``instead`` says what is done then.
    ``after``: what it stands in for; it is not there before that is omitted.
    """

    name: str
    refusal: str = ""
    after: str = ""
    instead: str = "it was left out"

    def place_in(self, said: str) -> int | None:
        """Where a server speaks of it; None: it does not."""
        pattern = self.refusal or rf"(?<![A-Za-z0-9_]){re.escape(self.name)}(?![A-Za-z0-9_])"
        found = re.search(pattern, said, re.IGNORECASE | re.DOTALL)
        return found.start() if found else None


TEMPERATURE = Dispensable(name="temperature", instead="its default was used")


@dataclass(slots=True, kw_only=True)
class Manners:
    """What one model's server takes, as its refusals taught; all roles share it.

    ``omit``: what it refuses. ``most_tokens``: of an answer; None: not known. ``open`` and ``peak``
    count the requests of a role that are open now, and were at once. ``answered`` are the roles
    that ever got an answer, ``refused`` counts refusals by role and words.
    """

    omit: set[str] = field(default_factory=set)
    most_tokens: int | None = None
    open: Counter[str] = field(default_factory=Counter)
    peak: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def is_told(self) -> bool:
        """Whether requests are made otherwise than by default."""
        return bool(self.omit) or self.most_tokens is not None

    def begin(self, role: str) -> None:
        """A request of the role is open, until ``end``."""
        self.open[role] += 1
        self.peak[role] = max(self.peak[role], self.open[role])

    def end(self, role: str) -> None:
        self.open[role] -= 1

    def refuses_all(self, role: str, failure: ChatFailure) -> bool:
        """Note that a question of the role was refused for good; whether all were, and alike: at
        least two, and as many as were ever open at once.
        """
        words = (role, re.sub(r"\w*\d\w*", "#", str(failure)))
        self.refused[words] += 1
        least = max(2, self.peak[role])
        return role not in self.answered and self.refused[words] >= least


class Question:
    """One request in the way that its server takes it, changed as the server refuses it."""

    def __init__(
        self, request: ChatRequest, manners: Manners, dispensable: Sequence[Dispensable]
    ) -> None:
        self._asked = request
        self._manners = manners
        self._dispensable = dispensable
        self._omit: set[str] = set()
        self._tokens = request.max_tokens
        self._most: int | None = None
        self._changes = 0

    @property
    def request(self) -> ChatRequest:
        """As it is to be sent now."""
        if not self._changes and not self._manners.is_told:
            return self._asked
        omit = self._asked.omit | self._manners.omit | self._omit
        return replace(
            self._asked,
            omit=omit,
            temperature=None if TEMPERATURE.name in omit else self._asked.temperature,
            max_tokens=min(self._tokens, self._manners.most_tokens or self._tokens),
        )

    def is_changed(self, failure: ChatFailure, sent: ChatRequest) -> bool:
        """Whether the request is another one now, since the server said what it does not take of
        the one that was ``sent``.
        """
        if failure.cause not in ("bad_request", "context_overflow"):
            return False
        self._changes += 1
        said = str(failure)
        if self._changes > MOST_CHANGES:
            return False
        of_model = most(said)
        self._most = of_model or self._most
        free = room(said) if of_model is None else of_model
        if free is not None and free < sent.max_tokens:
            self._tokens = free
            return True
        if failure.cause == "context_overflow":
            return False
        there = [
            part
            for part in self._parts().values()
            if part.name not in sent.omit and (not part.after or part.after in sent.omit)
        ]
        places = {part.name: part.place_in(said) for part in there}
        named = {name: place for name, place in places.items() if place is not None}
        if not named:
            # Another question has taught it meanwhile.
            return self.request != sent
        self._omit.add(min(named, key=lambda name: named[name]))
        return True

    def taken(self, sent: ChatRequest) -> Iterable[str]:
        """The server took what was ``sent``: the next requests are made like it. What it was made
        otherwise in than it was asked for, for people.
        """
        if sent is self._asked:
            return ()
        self._manners.omit |= self._omit
        self._manners.most_tokens = self._most or self._manners.most_tokens
        parts = self._parts()
        omitted = parts.keys() & (sent.omit - self._asked.omit)
        return [f"takes no {name}: {parts[name].instead}" for name in sorted(omitted)]

    def _parts(self) -> Mapping[str, Dispensable]:
        """What the request can do without, by name: fields of ``extra`` are among it."""
        parts = [*(Dispensable(name=name) for name in self._asked.extra), *self._dispensable]
        if self._asked.temperature is not None:
            parts.append(TEMPERATURE)
        return {part.name: part for part in parts}
