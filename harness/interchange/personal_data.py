"""Turn conversations with personal data and secrets into ones with placeholders instead."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Literal, get_args

from harness.errors import ConfigError
from harness.llm.plain_json import loads
from harness.llm.redaction import Redactor
from harness.types import Episode, Json, Message, Recording, Scenario, Tool

Kind = Literal["email", "phone", "card", "key", "national_id", "name"]
KINDS: tuple[Kind, ...] = get_args(Kind)
BY_DEFAULT: tuple[Kind, ...] = ("email", "phone", "card", "key", "national_id")
NOTHING = "none"

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}(?![\w-])")
_DIGITS = re.compile(r"(?<![\w#-])\d(?:[ -]?\d){12,18}(?![\w-])")
_PHONE = re.compile(
    r"(?<![\w#.+-])(?:"
    r"\+\d{1,3}(?:[ .()/-]{0,2}\d){7,12}"  # with the code of the country
    r"|\(\d{2,5}\)[ .-]?\d{3,4}[ .-]?\d{3,5}"  # the code of the area in parentheses
    r"|(?:1[ .-])?[2-9]\d{2}([ .-])\d{3}\1\d{4}"  # as in North America
    r"|0\d{2,4}[ /-]\d{3,4}[ -]?\d{3,5}"  # with the zero of a country's own lines
    r")(?![\w-])"
)
_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<![\w-])(?:sk|pk|rk)[-_][\w-]{16,}"
    r"|(?<!\w)(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|hf_|AIza|ya29\.)[\w-]{16,}"
    r"|(?<!\w)A(?:KI|SI)A[0-9A-Z]{16}(?!\w)"
    r"|(?<!\w)eyJ[\w-]{8,500}\.eyJ[\w-]{8,}\.[\w-]*"
    r"|(?<=[Bb]earer )[\w.~+/-]{16,}=*",
    re.DOTALL,
)
_CODE = re.compile(
    r"(?i)\b(?:"
    r"(?:pin|(?:security|access)[ -]code)(?: number)?[\"'`*]{0,3}\s{0,3}(?:is|was|[:=#-])"
    r"|(?:otp|cv[vc]2?|passcode|(?:one[- ]time|verification)[ -](?:code|password|pin))"
    r"(?: number| code)?[\"'`*]{0,3}(?:\s{1,3}(?:is|was))?"
    r")[\s:=#(\"'`*-]{0,6}(?P<code>\d{3,4}[ -]\d{3,4}|\d{3,8})(?![\w-])"
    r"|\bpass(?:word|phrase)[\"'`*]{0,3}\s{0,3}(?:is|[:=])[\s:=\"'`*]{1,6}(?P<password>\S{4,64})"
    r"|(?<![\w-])(?P<before>\d{4,8})(?= is (?:your|the|my) (?:[\w-]{1,20} ){0,3}(?:code|otp|pin)\b)"
)
"""Codes that only the words before them tell from other numbers."""

_IBAN = re.compile(
    r"(?<![\w-])[A-Za-z]{2}\d{2}"
    r"(?:[A-Za-z0-9]{11,30}|(?: [A-Za-z0-9]{4}){2,7}(?: [A-Za-z0-9]{1,3})?)(?![\w-])"
)
_SSN = re.compile(
    r"(?<![\w#-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])"
    r"|(?:(?<=SSN )|(?<=SSN: ))\d{3}[ -]?\d{2}[ -]?\d{4}(?!\w)"
)
"""Numbers of the social security of the USA, as they can be given out."""

_INTRODUCED = re.compile(
    r"(?i:\b(?:my name is|this is|i am|i'm|name:|ich bin|mein name ist|je m'appelle|me llamo))\s+"
    r"((?:[A-Z][\w'’-]+)(?:\s+[A-Z][\w'’-]+){0,3})"
)
_SECRET_FIELDS: Mapping[Kind, re.Pattern[str]] = {
    "key": re.compile(
        r"(?:^|_)(?:password|passwd|pwd|passcode|pin|otp(?:_?code)?|secret|token|api_?key|authorization"
        r"|(?:one_?time|verification|security|access)_(?:code|password|pin))$"
    ),
    "card": re.compile(r"(?:^|_)(?:card_?number|cv[cv]2?(?:_?code)?|iban(?:_?number)?)$"),
    "national_id": re.compile(
        r"(?:^|_)(?:ssn|social_security|national_id|tax_?id|passport|driving_licen[cs]e"
        r"|drivers?_licen[cs]e)(?:_?(?:number|no))?$"
    ),
    "phone": re.compile(r"(?:^|_)(?:phone|mobile|telephone|fax)(?:_?number)?$"),
    "email": re.compile(r"(?:^|_)e?_?mail(?:_?address)?$"),
    "name": re.compile(
        r"(?:^|_)(?:(?:first|last|full|middle|family|given|customer|user|guest|passenger)"
        r"_?name|surname)$"
    ),
}
"""Fields of arguments and results whose values are masked whatever they look like, by their names
in snake case.
"""

_PARSED = 2_000_000
"""Characters of a result up to which it is read as JSON, to know its fields."""


def kinds_of(text: str) -> tuple[Kind, ...]:
    """The kinds in "email,phone" or "none". Raises ``ConfigError`` for an unknown one."""
    if text.strip() == NOTHING:
        return ()
    found = [part.strip() for part in text.split(",") if part.strip()]
    for kind in found:
        if kind not in KINDS:
            raise ConfigError(
                f"{kind!r} is no kind of personal data",
                hint=f"Known: {', '.join(KINDS)}, or {NOTHING!r} for no redaction.",
            )
    return tuple(kind for kind in KINDS if kind in found)


class PersonalData:
    """Replaces what it finds by "[email 1]" and the like: the same value by the same placeholder in
    all conversations, so that they can still be compared. ``counts`` says how often, by kind.
    Secrets of this machine's environment are masked whatever the kinds are.
    """

    def __init__(self, kinds: Sequence[Kind] = BY_DEFAULT) -> None:
        self.kinds = frozenset(kinds)
        self.counts: Counter[str] = Counter()
        self._known: dict[tuple[Kind, str], str] = {}
        self._numbers: Counter[Kind] = Counter()
        self._secrets = Redactor()
        self._names: re.Pattern[str] | None = None
        self._codes: frozenset[str] = frozenset()

    def recording(self, recording: Recording) -> Recording:
        """The recording with placeholders in all that it holds."""
        return replace(
            recording,
            episodes=tuple(map(self.episode, recording.episodes)),
            originals={id: self.table(record) for id, record in recording.originals.items()},
            about=self.table(recording.about),
            tools=tuple(self._tool(tool) for tool in recording.tools),
        )

    def episode(self, episode: Episode) -> Episode:
        trajectory = episode.trajectory
        self._names = self._names_in(trajectory.messages) if "name" in self.kinds else None
        self._codes = _codes_in(trajectory.messages) if "key" in self.kinds else frozenset()
        messages = tuple(map(self.message, trajectory.messages))
        task = replace(episode.task, scenario=self._scenario(episode.task.scenario))
        fault = self.text(trajectory.fault)
        return replace(
            episode, task=task, trajectory=replace(trajectory, messages=messages, fault=fault)
        )

    def message(self, message: Message) -> Message:
        content = message.content
        content = self.result(content) if message.role == "tool" else self.text(content)
        calls = tuple(replace(call, arguments=self.table(call.arguments)) for call in message.calls)
        return replace(message, content=content, calls=calls)

    def result(self, text: str) -> str:
        """The result of a tool; where it is JSON, also by the names of its fields."""
        if text[:1] in "{[" and len(text) <= _PARSED:
            try:
                value = loads(text)
            except ValueError:
                return self.text(text)
            masked = self.value(value)
            return text if masked == value else json.dumps(masked, ensure_ascii=False)
        return self.text(text)

    def table(self, table: Mapping[str, Json]) -> dict[str, Json]:
        return {self.text(name): self._field(name, value) for name, value in table.items()}

    def value(self, value: Json) -> Json:
        """The value with placeholders. What a conversation tells as a code is one wherever it is a
        value of its own, so that what was said and what was called can still be compared.
        """
        if isinstance(value, str | int) and not isinstance(value, bool):
            if str(value) in self._codes:
                return self._placeholder("key", str(value))
            if "card" in self.kinds and isinstance(value, int) and is_card(str(value)):
                return self._placeholder("card", str(value))
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return self.table(value) if isinstance(value, dict) else value

    def text(self, text: str) -> str:
        """The text with placeholders."""
        if not text:
            return text
        for kind, found in _FINDERS.items():
            if kind in self.kinds:
                text = found(self, text)
        if self._names is not None:
            text = self._names.sub(lambda match: self._placeholder("name", match[0]), text)
        masked = self._secrets.text(text)
        self.counts["key"] += masked != text
        return masked

    def _field(self, name: str, value: Json) -> Json:
        kind = next(
            (k for k, p in _SECRET_FIELDS.items() if k in self.kinds and p.search(_snake(name))),
            None,
        )
        if kind is not None:
            return self._masked(kind, value)
        if isinstance(value, dict) and "name" in self.kinds and name == "name":
            return {key: self._placeholder("name", str(part)) for key, part in value.items()}
        return self.value(value)

    def _masked(self, kind: Kind, value: Json) -> Json:
        """The value of a field that holds personal data, or each of several."""
        if isinstance(value, list):
            return [self._masked(kind, one) for one in value]
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return self._placeholder(kind, str(value))
        return self.value(value)

    def _placeholder(self, kind: Kind, value: str) -> str:
        if _PLACEHOLDER.fullmatch(value.strip()):
            return value
        self.counts[kind] += 1
        key = (kind, re.sub(r"\W", "", value).casefold() if kind != "key" else value)
        if key not in self._known:
            self._numbers[kind] += 1
            self._known[key] = f"[{kind} {self._numbers[kind]}]"
        return self._known[key]

    def _emails(self, text: str) -> str:
        return _EMAIL.sub(lambda m: self._placeholder("email", m[0]), text) if "@" in text else text

    def _keys(self, text: str) -> str:
        def told(match: re.Match[str]) -> str:
            code = _code(match)
            if not code:
                return match[0]
            before, _, after = match[0].rpartition(code)
            return before + self._placeholder("key", code) + after

        return _CODE.sub(told, _KEY.sub(lambda m: self._placeholder("key", m[0]), text))

    def _national_ids(self, text: str) -> str:
        return _SSN.sub(lambda match: self._placeholder("national_id", match[0]), text)

    def _cards(self, text: str) -> str:
        def one(match: re.Match[str]) -> str:
            return self._placeholder("card", match[0]) if is_card(match[0]) else match[0]

        def account(match: re.Match[str]) -> str:
            parts = match[0].split(" ")
            for end in range(len(parts), 0, -1):  # words in capitals may follow
                number = " ".join(parts[:end])
                if is_iban(number):
                    return " ".join([self._placeholder("card", number), *parts[end:]])
            return match[0]

        return _DIGITS.sub(one, _IBAN.sub(account, text))

    def _phones(self, text: str) -> str:
        return _PHONE.sub(lambda match: self._placeholder("phone", match[0]), text)

    def _names_in(self, messages: Sequence[Message]) -> re.Pattern[str] | None:
        """All names that the users give as theirs, or that fields called a name hold."""
        found = {m[1] for message in messages for m in _INTRODUCED.finditer(message.content)}
        for message in messages:
            found.update(_named(message))
        words = {word for name in found for word in [name, *name.split()] if len(word) > 1}
        if not words:
            return None
        longest_first = sorted(words, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")

    def _scenario(self, scenario: Scenario) -> Scenario:
        return replace(
            scenario,
            reason=self.text(scenario.reason),
            known=self.text(scenario.known),
            instructions=self.text(scenario.instructions),
        )

    def _tool(self, tool: Tool) -> Tool:
        parameters = self.value(dict(tool.parameters))
        assert isinstance(parameters, dict)
        return replace(tool, description=self.text(tool.description), parameters=parameters)


_Finder = Callable[[PersonalData, str], str]
_FINDERS: Mapping[Kind, _Finder] = {
    "key": PersonalData._keys,
    "email": PersonalData._emails,
    "national_id": PersonalData._national_ids,
    "card": PersonalData._cards,
    "phone": PersonalData._phones,
}
"""In this order: the number of a card is no telephone's."""

_PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS)}) \d+\]")


def is_card(number: str) -> bool:
    """Whether the digits can be the number of a payment card: they begin and are as long as one's,
    and end in its check digit (ISO/IEC 7812-1). An IMEI, of 15 digits, has such a digit, too.
    """
    digits = [int(digit) for digit in number if digit.isdigit()]
    if not 13 <= len(digits) <= 19 or digits[0] not in range(2, 7):
        return False
    if len(digits) == 15 and digits[:2] not in ([3, 4], [3, 7]):
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def is_iban(number: str) -> bool:
    """Whether the check digits of a bank account's number are right (ISO 13616)."""
    plain = number.replace(" ", "")
    turned = "".join(str(int(mark, 36)) for mark in plain[4:] + plain[:4])
    return len(plain) >= 15 and int(turned) % 97 == 1


def _code(match: re.Match[str]) -> str:
    """The code or password that was told; "" if it looks like neither."""
    if code := match["code"] or match["before"]:
        return code
    password = match["password"].rstrip(".,;:?)\"'`*")
    has_both = any(map(str.isdigit, password)) and any(map(str.isalpha, password))
    return password if has_both else ""


def _codes_in(messages: Sequence[Message]) -> frozenset[str]:
    found = (_code(match) for message in messages for match in _CODE.finditer(message.content))
    return frozenset(code for code in found if code)


@lru_cache(maxsize=4096)
def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]", "_", name).casefold()


def _named(message: Message) -> Iterator[str]:
    """The values of fields that hold names, in arguments and in results that are JSON."""
    for call in message.calls:
        yield from _names_below(dict(call.arguments))
    if message.role == "tool" and message.content[:1] in "{[" and len(message.content) <= _PARSED:
        try:
            yield from _names_below(loads(message.content))
        except ValueError:
            return


def _names_below(value: Json) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _names_below(item)
    if isinstance(value, dict):
        for name, part in value.items():
            if (
                isinstance(part, str)
                and _SECRET_FIELDS["name"].search(_snake(name))
                and part.strip()
            ):
                yield part.strip()
            yield from _names_below(part)
