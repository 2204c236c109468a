"""Turn texts and tool calls into compact tokens and back, by the aliases of one conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.llm.plain_json import loads
from harness.types import Json, Tool, ToolCall
from harness_local.aliases import Alias, Aliases
from harness_local.codec import MALFORMED
from harness_local.lexicon import Lexicon, plain, spelled
from harness_local.shapes import Kinds, are_flat, are_texts, fields_of, is_text, kinds_of
from harness_local.tokenizer import ARGUMENT, CALL, CAPITAL, GLUE, IS, JSON

_Pair = tuple[str, Json]
"""An argument and its value."""

_OPENED: Json = [{}]
"""An object in a list, of which no field was read yet."""


class TextWriter:
    """Texts with aliases. ``read`` undoes ``write`` exactly while the aliases are the same."""

    def __init__(self, lexicon: Lexicon, aliases: Aliases) -> None:
        self.lexicon = lexicon
        self._aliases = aliases

    def write(self, text: str) -> Iterator[int]:
        """The text's ids. A space goes first: a word is then the same token wherever it stands."""
        if not text:
            return
        for part in self._aliases.split(" " + text):
            if isinstance(part, Alias):
                if part.glued:
                    yield self.lexicon.frame[GLUE]
                yield self.lexicon.aliases[part.number]
            else:
                yield from self.lexicon.encode(part)

    def write_heard(self, text: str) -> Iterator[int]:
        """What others say, in plain words: "PayPal" and "paypal", "gift_card" and "gift card" are
        the same there. This is not reversible: only the agent reads it.
        """
        for part in self._aliases.split(" " + text) if text else ():
            if isinstance(part, Alias):
                yield self.lexicon.aliases[part.number]
            else:
                yield from self.lexicon.encode(plain(part))

    def read(self, ids: Sequence[int]) -> str:
        """The text; special tokens that are no aliases are left out."""
        text, run, before = "", list[int](), -1
        for token in ids:
            if token not in self.lexicon.special:
                run.append(token)
                continue
            text, run = text + self._decoded(run, before), []
            if token in self.lexicon.alias_numbers:
                space = "" if before == self.lexicon.frame[GLUE] else " "
                text += space + self._aliases.handle(self.lexicon.alias_numbers[token])
            text += self.lexicon.cents.get(token, "")
            before = token
        return (text + self._decoded(run, before)).removeprefix(" ")

    def _decoded(self, run: Sequence[int], before: int) -> str:
        text = self.lexicon.decode(run)
        if before != self.lexicon.frame[CAPITAL]:
            return text
        return text[:1] + text[1:2].upper() + text[2:]


class CallWriter:
    """Calls: the call token, the tool's, each argument's and its value; else JSON.

    Each element of a list of strings has the argument's token before it. Elements of lists of equal
    length, which belong together, take turns. An object in a list of flat ones has the argument's
    token before it, too; its fields follow like arguments. A tool or argument without a token of
    its own is spelled in words.
    """

    def __init__(self, texts: TextWriter, tools: Sequence[Tool]) -> None:
        self._texts = texts
        self._lexicon = texts.lexicon
        self._json = self._lexicon.frame[JSON]
        self._is = self._lexicon.frame[IS]
        self._openings = {self._lexicon.frame[ARGUMENT], *self._lexicon.argument_names}
        self._kinds = {tool.name: kinds_of(tool.parameters) for tool in tools}
        self._fields = {tool.name: fields_of(tool.parameters) for tool in tools}
        self._names = {spelled(name): name for name in self._kinds}

    def write(self, call: ToolCall) -> Iterator[int]:
        """The call's ids; arguments come in the order of the schema."""
        yield self._lexicon.frame[CALL]
        if call.name not in self._kinds and call.name in self._names:
            # Spelled like a tool that it is not.
            yield from self._as_json({"name": call.name, "arguments": dict(call.arguments)})
            return
        yield from self._name(call.name)
        kinds = self._kinds.get(call.name, {})
        if not all(name in kinds for name in call.arguments):
            yield from self._as_json(dict(call.arguments))
            return
        fields = self._fields.get(call.name, {})
        for name, value in _in_turns(call.arguments, kinds):
            if name in fields and are_flat(value, fields[name]):
                for element in value:
                    yield from self._opening(name)
                    yield from self._object(element, fields[name])
            else:
                yield from self._opening(name)
                yield from self._value(value, kinds[name])

    def read(self, ids: Sequence[int], identity: str) -> ToolCall:
        """The call in what follows a call token; what cannot be read goes to the tool as it is."""
        head, *body = _cut_before(ids, {self._json, *self._openings}.__contains__)
        named = [self._lexicon.tool_names[t] for t in head if t in self._lexicon.tool_names]
        words = self._texts.read(head)
        name = named[0] if named else self._names.get(words, words)
        if body and body[0][0] == self._json:
            return self._whole(name, [token for part in body for token in part], identity)
        parts = _cut_before(ids, self._openings.__contains__)[1:]
        return ToolCall(name=name or MALFORMED, arguments=self._pairs(name, parts), id=identity)

    def _pairs(self, tool: str, parts: Sequence[Sequence[int]]) -> dict[str, Json]:
        """The arguments in the parts, each of which opens with an argument or a field."""
        kinds, fields = self._kinds.get(tool, {}), self._fields.get(tool, {})
        found: dict[str, Json] = {}
        inner: Kinds = {}
        filled: dict[str, Json] = {}
        for part in parts:
            argument, value = self._argument(part, {**kinds, **inner})
            if argument in inner:
                filled[argument] = value
                continue
            inner = {}
            if argument in fields and value == _OPENED:
                inner, filled = fields[argument], {}
                value = [filled]
            before = found.get(argument)
            if isinstance(before, list) and isinstance(value, list):
                before += value
            else:
                found[argument] = value
        return found

    def _whole(self, name: str, ids: Sequence[int], identity: str) -> ToolCall:
        """A call whose arguments, or all of it if it has no name yet, are JSON."""
        text = self._texts.read(ids)
        whole = _loads(text)
        arguments: Mapping[str, Json] = whole if isinstance(whole, dict) else {"text": text}
        match arguments:
            case {"name": str(inner), "arguments": dict(values)} if not name:
                name, arguments = inner, values
        return ToolCall(name=name or MALFORMED, arguments=arguments, id=identity)

    def _name(self, name: str) -> Iterator[int]:
        if name in self._lexicon.tools:
            yield self._lexicon.tools[name]
        else:
            yield from self._texts.write(spelled(name) if name in self._kinds else name)

    def _opening(self, name: str) -> Iterator[int]:
        if name in self._lexicon.arguments:
            yield self._lexicon.arguments[name]
            return
        yield self._lexicon.frame[ARGUMENT]
        yield from self._texts.write(spelled(name))
        yield self._lexicon.frame[IS]

    def _object(self, element: Mapping[str, Json], kinds: Kinds) -> Iterator[int]:
        for name in filter(element.__contains__, kinds):
            yield from self._opening(name)
            yield from self._value(element[name], kinds[name])

    def _argument(self, ids: Sequence[int], kinds: Mapping[str, str]) -> _Pair:
        opening, *rest = ids
        if opening in self._lexicon.argument_names:
            name = self._lexicon.argument_names[opening]
        else:
            end = rest.index(self._is) if self._is in rest else len(rest)
            words, rest = self._texts.read(rest[:end]), rest[end + 1 :]
            name = next((name for name in kinds if spelled(name) == words), words)
        return name, self._read_value(rest, kinds.get(name, ""))

    def _value(self, value: Json, kind: str) -> Iterator[int]:
        if kind == "string" and is_text(value):
            yield from self._texts.write(value)
        elif kind == "strings" and are_texts(value):
            yield from self._texts.write(value[0])
        elif kind == "number" and isinstance(value, int | float):
            yield from self._texts.write(json.dumps(value))
        else:
            yield from self._as_json(value)

    def _read_value(self, ids: Sequence[int], kind: str) -> Json:
        if ids and ids[0] == self._json:
            text = self._texts.read(ids[1:])
            return _loads(text, otherwise=text)
        if kind == "objects" and not ids:
            return _OPENED
        text = self._texts.read(ids)
        if kind == "strings":
            return [text]
        return _loads(text, otherwise=text) if kind == "number" else text

    def _as_json(self, value: Json) -> Iterator[int]:
        yield self._json
        yield from self._texts.write(json.dumps(value))


def _in_turns(arguments: Mapping[str, Json], kinds: Mapping[str, str]) -> Iterator[_Pair]:
    """The arguments in the order of the schema, lists of strings as lists of one element each."""
    lists = {n: v for n in kinds if kinds[n] == "strings" and are_texts(v := arguments.get(n))}
    told: set[str] = set()
    for name in kinds:
        if name in lists and name not in told:
            together = {n: v for n, v in lists.items() if len(v) == len(lists[name])}
            told.update(together)
            for row in zip(*together.values(), strict=True):
                yield from ((n, [element]) for n, element in zip(together, row, strict=True))
        elif name in arguments and name not in lists:
            yield name, arguments[name]


def _cut_before(ids: Sequence[int], opens: Callable[[int], bool]) -> list[list[int]]:
    """The ids before the first that opens a part, then the parts, each with its opening id."""
    parts: list[list[int]] = [[]]
    for token in ids:
        if opens(token):
            parts.append([])
        parts[-1].append(token)
    return parts


def _loads(text: str, *, otherwise: Json = None) -> Json:
    try:
        return loads(text)
    except ValueError:
        return otherwise
