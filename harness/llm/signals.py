"""Turn a model's text into clean text and the signals in it (``###STOP###`` and its like)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from harness.runtime.foreign_text import visible

Signal = Literal["stop", "transfer", "out_of_scope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A text without its signals. ``unknown`` are those that look like signals but are none, as
    written.
    """

    text: str
    signals: frozenset[Signal] = frozenset()
    unknown: tuple[str, ...] = ()


def hear(text: str) -> Heard:
    """The text without signals, and which they were.

    Case, spaces, full-width signs and usual translations of a signal do not matter.
    """
    text = visible(text)
    if not _has_hash(text):
        return Heard(text=_tidy(text))
    found = [_word(mark) for mark in _MARK.finditer(text)]
    return Heard(
        text=_tidy(_LEFT_OVER.sub("", _MARK.sub(" ", text))),
        signals=frozenset(_MEANING[_key(word)] for word in found if _key(word) in _MEANING),
        unknown=tuple(word for word in found if _key(word) not in _MEANING),
    )


def harmless(text: str) -> str:
    """The text with whatever looks like a signal reduced to its word in quotation marks."""
    text = visible(text)
    return _MARK.sub(lambda mark: f'"{_word(mark)}"', text) if _has_hash(text) else text


_TRANSLATIONS: dict[Signal, str] = {
    "stop": "STOP STOPP ARRÊT FIN FINE ENDE PARAR PARE ALTO СТОП 停止 结束 結束 終了 중지 종료",
    "transfer": "TRANSFER TRANSFERT TRANSFERENCIA TRANSFERÊNCIA TRANSFERIR TRASFERIMENTO "
    "WEITERLEITUNG ПЕРЕВОД 转接 轉接 転送 이관",
    "out_of_scope": "OUTOFSCOPE HORSSUJET HORSCHAMP FUERADEALCANCE FORADEESCOPO FUORIAMBITO "
    "超出范围 超出範圍 範囲外",
}
# Possessive, and only from the start of a run: a wall of # signs is read once.
_MARK = re.compile(
    r"(?<![#＃])(?:"
    r"[#＃]{2,}+(?P<closed>[^#＃\n]{1,30})[#＃]{2,}+"
    r"|[#＃]{2,}+[^\S\n]*+(?P<open>STOP|TRANSFER|OUT[\W_]?OF[\W_]?SCOPE)(?=[#＃]?[\s*_`]*+$)[#＃]?"
    r"|[#＃][^\S\n]*+(?P<single>STOP|TRANSFER|OUT[\W_]?OF[\W_]?SCOPE)[^\S\n]*+[#＃]++"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
_LEFT_OVER = re.compile(r"(?<!\S)[*_`]+(?!\S)")


def _has_hash(text: str) -> bool:
    return "#" in text or "＃" in text


def _word(mark: re.Match[str]) -> str:
    return (mark["closed"] or mark["open"] or mark["single"]).strip(" \t*_`")


def _key(word: str) -> str:
    return re.sub(r"[\s_*`‐-―-]+", "", unicodedata.normalize("NFKC", word).casefold())


def _tidy(text: str) -> str:
    return re.sub(r"[ \t]{2,}", " ", re.sub(r"[ \t]*\n", "\n", text)).strip()


_MEANING: dict[str, Signal] = {
    _key(word): signal for signal, words in _TRANSLATIONS.items() for word in words.split()
}
