"""Know special tokens by what they mean, and turn plain text into ids and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from harness.errors import ModelError
from harness_local.tokenizer import (
    CAPITAL,
    CENTS,
    FRAME,
    alias_token,
    argument_token,
    tool_token,
)

_MARKED = re.compile(r"(?<= )[A-Z](?=[a-z])|(?<=\d)\.\d\d(?!\d)")
"""What is written with a special token: a capital that opens a word, and cents."""
_JOINED = re.compile(r"\b[A-Za-z]+(?:_[A-Za-z]+)+\b")
_CAPITALISED = re.compile(r"\b(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[A-Za-z]+(?:-[A-Za-z]+)*\b")
_KNOWN = 100_000
"""How many texts are cached with their ids."""


class Lexicon:
    """The ids of frame tokens, aliases (by number), tools and arguments (by name).

    Raises ``ModelError`` if the tokenizer lacks a frame token.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        if missing := [token for token in FRAME if token not in vocabulary]:
            raise ModelError(
                f"the tokenizer of {tokenizer.name_or_path} lacks {', '.join(missing)}",
                hint="codec.json says 'compact': remove it to use the chat template instead.",
            )
        self.frame = {token: vocabulary[token] for token in FRAME}
        self.aliases: list[int] = []
        while (token := alias_token(len(self.aliases))) in vocabulary:
            self.aliases.append(vocabulary[token])
        self.alias_numbers = {token: number for number, token in enumerate(self.aliases)}
        self.tools = _named(vocabulary, tool_token("\0"))
        self.tool_names = {token: name for name, token in self.tools.items()}
        self.arguments = _named(vocabulary, argument_token("\0"))
        self.argument_names = {token: name for name, token in self.arguments.items()}
        self.cents = {self.frame[token]: token[2:-2] for token in CENTS}
        self.special = frozenset(
            {*self.frame.values(), *self.aliases, *self.tool_names, *self.argument_names}
        )
        # A copy that reads the names of special tokens in a message as plain text, and changes
        # no letter of it.
        self._plain: Tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._plain.encode_special_tokens = True
        self._plain.normalizer = None
        self._known: dict[str, tuple[int, ...]] = {}
        numbers = (f"{space}{digit}" for space in ("", " ") for digit in range(10))
        self.digits = frozenset(chain.from_iterable(map(self._encode, numbers)))

    def encode(self, text: str) -> list[int]:
        """Ids of the text. Half surrogate pairs become question marks.

        A word after a space has the same ids with a capital as without, but for the token before
        them; cents are one token.
        """
        text = text.encode("utf-8", "replace").decode()
        ids, start = list[int](), 0
        for mark in _MARKED.finditer(text):
            begin, end = mark.span()
            if mark[0].startswith("."):
                ids += [*self._encode(text[start:begin]), self.frame[f"<|{mark[0]}|>"]]
                start = end
            else:
                ids += [*self._encode(text[start : begin - 1]), self.frame[CAPITAL]]
                start = begin - 1
                text = text[:begin] + mark[0].lower() + text[end:]
        return [*ids, *self._encode(text[start:])]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids none of which is special."""
        return str(self._plain.decode(list(ids), skip_special_tokens=False)) if ids else ""

    def _encode(self, text: str) -> tuple[int, ...]:
        known = self._known.get(text)
        if known is None:
            known = tuple(self._plain.encode(text, add_special_tokens=False).ids)
            if len(self._known) < _KNOWN:
                self._known[text] = known
        return known


@lru_cache(maxsize=16_384)
def plain(text: str) -> str:
    """The text with words joined by underscores apart, and without capitals in words that have a
    small letter.
    """
    text = _JOINED.sub(lambda found: found[0].replace("_", " "), text)
    return _CAPITALISED.sub(lambda found: found[0].lower(), text)


def folded(text: str) -> str:
    """The text without the capitals and cents that have tokens of their own."""
    return _MARKED.sub(lambda mark: "" if mark[0][0] == "." else mark[0].lower(), text)


def spelled(name: str) -> str:
    """The name of a tool or argument in plain words, where that can be undone."""
    return name if " " in name else name.replace("_", " ")


def _named(vocabulary: dict[str, int], pattern: str) -> dict[str, int]:
    """The ids of the tokens that fit the pattern, by what stands at its null character."""
    before, after = pattern.split("\0")
    return {
        token[len(before) : -len(after)]: number
        for token, number in sorted(vocabulary.items(), key=lambda item: item[1])
        if token.startswith(before) and token.endswith(after)
    }
