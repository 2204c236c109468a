"""Turn a message into what it does: ask, propose, refuse, report, close or hand over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.types import Fact, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What an agent's message does; several may hold at once.

    ``text`` is the normalised message, ``question`` its asking sentences, with "not found" where it
    says in any words that it finds no such customer. ``proposes``: wants a yes
    before it acts. ``closes``: asks whether there is anything else. ``reports``: says that
    something was done. ``transfers``: says that the user is handed over.
    """

    text: str
    question: str
    proposes: bool
    closes: bool
    refuses: bool
    reports: bool
    transfers: bool


@lru_cache(maxsize=8192)
def hear(content: str) -> Heard:
    """What a message of the agent does."""
    text = normal(content)
    sentences = split_sentences(text)
    # "Would you like me to do anything else?" closes, and "Which do you want me to?" asks.
    rest = " ".join(s for s in sentences if not _CLOSES.search(s) and not _OPEN.search(s))
    proposes = bool(_YES_NO.search(text) or _PROPOSES.search(rest))
    return Heard(
        text=text,
        question=_question(sentences),
        proposes=proposes,
        closes=bool(_CLOSES.search(text)) and not proposes,
        refuses=bool(_REFUSES.search(text)),
        reports=bool(_REPORTS.search(text)),
        transfers=bool(_TRANSFERS.search(text)) and not proposes,
    )


def _question(sentences: Sequence[str]) -> str:
    asking = [s for s in sentences if _ASKS.search(s) and not _CLOSES.search(s)]
    unknown = asking and any(_FINDS_NOBODY.search(s) for s in sentences)
    return " ".join([*asking, *(["not found"] if unknown else [])])


def agrees(content: str) -> bool:
    """Whether a user's message is a yes to what was proposed, and nothing but a yes."""
    text = normal(content)
    return bool(_YES.search(text)) and not _BUT.search(text)


def wavers(content: str) -> bool:
    """Whether a user has not done what it was told, or doubts that it did the right thing."""
    return bool(_WAVERS.search(normal(content)))


def claims(content: str) -> bool:
    """Whether a user says that it did something."""
    return bool(_CLAIMS.search(normal(content)))


def keeps_to_itself(content: str) -> bool:
    """Whether a user says that it did something, and nothing of what it saw."""
    return bool(_NO_MORE_THAN_DONE.search(normal(content)))


def speaks_of_success(text: str) -> bool:
    """Whether a normalised text says or asks that what was in trouble works."""
    return bool(_SUCCESS.search(text))


def normal(text: str) -> str:
    """Lower case, underscores as spaces, straight apostrophes, single spaces."""
    return " ".join(text.lower().replace("_", " ").replace("’", "'").split(" ")).strip()


def split_sentences(text: str) -> list[str]:
    """Its sentences and lines."""
    return _SENTENCE.split(text)


def mentions(text: str, phrases: Iterable[str]) -> bool:
    """Whether a normalised text contains one of the phrases as whole words, or their plural."""
    return any(_whole(phrase).search(text) for phrase in phrases)


def touches(text: str, words: Iterable[str]) -> bool:
    """Whether a normalised text contains one of the words, inflected or not ("cancelled")."""
    return any(_stem(word).search(text) for word in words)


def contradicts(text: str, fact: Fact) -> bool:
    """Whether a normalised proposal names what conflicts with a fact and not what the fact says."""
    return mentions(text, fact.conflicts_with) and not mentions(text, fact.recognised_by)


def contains_any(text: str, sentences: Sequence[str]) -> bool:
    """Whether a normalised text contains one of the sentences, but for its full stop."""
    return any(normal(sentence).rstrip(".!?") in text for sentence in sentences)


def confirmed(messages: Sequence[Message], turn: int) -> bool:
    """Whether a proposal and the user's yes to it stand before the call at index ``turn``.

    A yes counts once: look-ups may stand between it and the call, but no other proposal or answer.
    """
    said = [message for message in messages[:turn] if message.role != "tool" and not message.calls]
    if len(said) < 2 or said[-1].role != "user":
        return False
    return agrees(said[-1].content) and hear(said[-2].content).proposes


@lru_cache(maxsize=8192)
def _whole(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(normal(phrase))}s?(?!\w)")


@lru_cache(maxsize=8192)
def _stem(word: str) -> re.Pattern[str]:
    word = normal(word)
    if len(word) < 4:
        return re.compile(rf"(?<!\w){re.escape(word)}(?:s|es|d|ed|ing)?(?!\w)")
    return re.compile(rf"(?<!\w){re.escape(word.removesuffix('e') if len(word) > 5 else word)}")


_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_YES_NO = re.compile(r"\byes ?/ ?no\b|\byes or no\b")
_PROPOSES = re.compile(
    r"\b(?:do|can|could|would|will) you (?:please )?confirm\b(?! (?:your|which|what|who)\b)"
    r"|\bconfirm\b[^.?!]*\bproceed\b|\bplease confirm\b(?! (?:your|which|what|who)\b)"
    r"|\bconfirm\?|\b(?:to|you) confirm(?: that)? you(?:'d| would)? (?:want|like)\b"
    r"|\b(?:shall|should|may|can) i (?:go ahead|proceed|now|do|make|submit)\b"
    r"|\b(?:shall|should) i\b"
    r"|\bwould you like (?:me )?to\b|\bdo you (?:want|wish) (?:me )?to\b|\bwant me to\b"
    r"|\b(?:ok|okay|ready|happy) (?:for me )?to proceed\b|(?<!to )(?<!can )\bproceed\b[^.!?]*\?"
    r"|\bgo ahead\b[^.!?]*\?|\bis (?:that|this) (?:correct|right|ok|okay)\b"
)
_OPEN = re.compile(
    r"\b(?:which|what|who|where|when|why|how (?:much|many|long))\b[^.,;:!?]*?"
    r"\b(?:do|would|should|shall|can|may) (?:you|i|we)\b[^.!?]*\?"
)
"""A question that no yes answers."""
_CLOSES = re.compile(
    r"\banything else\b|\bany other (?:question|request|issue|thing|matter|concern)"
    r"|\bwhat else\b|\bsomething else (?:i|we) can\b|\bhow else (?:can|may) i\b"
    r"|\b(?:further|more|additional|other) (?:assistance|help|questions)\b"
)
_SYMPATHY = (
    r"(?:to (?:hear|learn|see)"
    r"|(?:for|about) (?:that|this|the (?:inconvenience|trouble|delay|wait)))\b"
)
_REFUSES = re.compile(
    r"\b(?:unfortunately|cannot|can't|can not|unable|impossible|won't|denied)\b"
    rf"|\b(?:sorry|apologi[sz]e)\b(?! {_SYMPATHY})"
    r"|\bnot (?:able|possible|allowed|permitted|eligible)\b"
    r"|\bagainst (?:our |the |company )?policy\b"
)
_REPORTS = re.compile(
    r"\b(?:done|complete|completed|successful|successfully|processed|submitted|all set)\b"
    r"|\b(?:has|have|'ve)(?: now)? been\b|\b(?:is|are) now\b|\b(?:i have|i've) (?:now )?\w+ed\b"
)
_TRANSFERS = re.compile(
    r"\b(?:being|been|will be) transferred\b|\btransferring you\b|\b(?:have|'ve) transferred you\b"
)
_ASKS = re.compile(
    r"\?|\b(?:please|kindly|can you|could you|would you)(?: please)? "
    r"(?:provide|tell|share|give|specify|enter|send|confirm|let)\b"
    r"|\bi(?:'ll| will)?(?: also)? need\b|\bmay i have\b|\blet me know\b"
)
_FINDS_NOBODY = re.compile(
    r"\b(?:not|n't|unable to|cannot|nobody|no one)\b[^.!?]*\b(?:find|found|locate|see|exist)[^.!?]*"
    r"\b(?:you|your|account|profile|customer|user|email|anyone|anybody|number|details|information)\b"
    r"|\bno (?:account|profile|customer|user)s?\b|\b(?:nobody|no one)\b"
)
_YES = re.compile(
    r"^\W*(?:yes|yeah|yep|sure|ok|okay|correct|absolutely|certainly|confirmed|i confirm|please do"
    r"|(?:please )?go ahead|(?:please )?proceed|that is (?:right|correct)|that's (?:right|correct)"
    r"|sounds good|perfect)\b|\bgo ahead\b"
)
_SUCCESS = re.compile(
    r"\b(?:works?|working|better|(?:fix|solv|resolv|restor|repair)ed|back|gone|still)\b"
)
_WAVERS = re.compile(
    r"\bis (?:that|this|it) safe\b|\bi(?:'m| am) afraid\b|\bdo i (?:really )?have to\b"
    r"|\bthe (?:wrong|right) (?:thing|place)\b"
)
_DID = (
    r"(?:i(?:'ve| have)?(?: just)? (?:did|done|looked|checked)(?: (?:it|that|so|this|there))*|done)"
)
_CLAIMS = re.compile(rf"\b{_DID}\b")
_NO_MORE_THAN_DONE = re.compile(rf"^(?:(?:yes|ok|okay|well|sure|{_DID})[,.! ]*)+$")
_BUT = re.compile(r"\b(?:no|not|don't|but|instead|wait|actually|rather)\b")
