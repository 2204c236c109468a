"""Tell whether what a user model wrote can be sent, and whether it may end the conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.llm.signals import Heard

TOO_LONG = 4000
"""Characters in a message that no customer writes in a chat."""

_RUN = 4
_ECHO_WORDS = 12
_ECHO_SHARE = 0.9


def wrong_with(heard: Heard, agent: Sequence[str], *, is_cut: bool = False) -> str:
    """What forbids to send the text, as a clause; "" if nothing does.

    agent: what the agent has said so far. is_cut: whether the model ran out of tokens.
    """
    if heard.unknown:
        return f"the signal {heard.unknown[0]!r} does not exist"
    if not heard.text and not heard.signals:
        return "it was empty"
    if is_cut or len(heard.text) > TOO_LONG:
        return "it was far too long for a chat"
    likely = {*agent[:1], *agent[-2:]}
    if _SERVES.search(heard.text) or any(_echoes(heard.text, said) for said in likely):
        return "it spoke as the agent, but you are the customer"
    return ""


def stops_too_soon(heard: Heard, agent: Sequence[str], *, is_owed: bool = False) -> bool:
    """Whether the user leaves before the agent can have done what it was just told to do.

    That is so in the first message, in one that asks for more, in an answer to an open question
    that is no refusal, in an answer to an announcement ("one moment, please"), and while the agent
    owes what was agreed to and has not reported it done. Where the agent only says again what it
    said before, the user may leave: it is getting nowhere.
    """
    if heard.signals != {"stop"}:
        return False
    if len(agent) <= 1:
        return True
    last = agent[-1]
    if last == agent[-2]:
        return False
    if wants_more(heard.text):
        return True
    if asks(last):
        return not declines(heard.text)
    is_settled = _REPORTS.search(last) or _TRANSFERS.search(last)
    return announces(last) or (is_owed and not is_settled)


def agrees(answer: str, question: str) -> bool:
    """Whether an answer is a yes to the question whether to do something."""
    return bool(_CONFIRMS.search(question) and _YES.search(answer)) and not declines(answer)


def declines(text: str) -> bool:
    """Whether an answer to an open question is a no, and not a yes in other words."""
    if _NO_FIRST.search(text):
        return True
    return bool(_NO.search(text)) and not _YES.search(text)


def wants_more(text: str) -> bool:
    """Whether a user's message asks for something."""
    return bool(_WANTS.search(text)) and not _NO_FIRST.search(text)


def asks(text: str) -> bool:
    """Whether the agent waits for an answer to more than "anything else?"."""
    return any(_ASKS.search(part) for part in _sentences(text) if not _CLOSES.search(part))


def announces(text: str) -> bool:
    """Whether the agent says that it is about to do something, and has not reported it done."""
    if _REPORTS.search(text) or any(map(_CLOSES.search, _sentences(text))):
        return False
    return bool(_ANNOUNCES.search(text)) and not _TRANSFERS.search(text)


def _echoes(text: str, said: str) -> bool:
    """Whether a text says what the agent said: word for word, or nearly so if it is longer.

    A customer may well repeat an item's name and a few words around it.
    """
    mine, theirs = _words(text), _words(said)
    if len(mine) < _RUN:
        return False
    if mine == theirs:
        return True
    if len(mine) < _ECHO_WORDS:
        return False
    known = set(_runs(theirs))
    runs = _runs(mine)
    return sum(run in known for run in runs) >= _ECHO_SHARE * len(runs)


def _runs(words: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(words[i : i + _RUN]) for i in range(len(words) - _RUN + 1)]


def _words(text: str) -> list[str]:
    return text.casefold().split()


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?。！？])\s*|\n+", text)


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


_ASKS = _any(
    r"[?？؟]",
    r"\bconfirm\b",
    r"\byes\s*/\s*no\b",
    r"\(y/n\)",
    r"\b(reply|respond|answer|say|type)\b.{0,80}\byes\b",
    r"\blet me know\b.{0,80}\b(if|whether|how|which)\b",
    r"\bplease (provide|share|tell|give|send|specify|choose|select|reply|respond|answer|verify)\b",
    r"\b(i|we)(['’]ll| will)? (just )?need (your|to know|the)\b",
)
_CONFIRMS = _any(
    r"\bconfirm\b",
    r"\byes\s*/\s*no\b",
    r"\(y/n\)",
    r"\b(shall|should|may|can) i\b.*[?？؟]",
    r"\b(want|like) me to\b",
    r"\b(proceed|go ahead)\b.*[?？؟]",
)
_CLOSES = _any(
    r"\b(any|some)thing (else|more)\b",
    r"\bany (other|more|further)\b",
    r"\bhelp you with (any|today)",
    r"\bis that all\b",
    r"\ball set\b",
    r"\bdid (that|this|i) (help|answer|resolve)",
    r"\b(does|did) (that|this) (help|answer|solve)",
)
_ANNOUNCES = _any(
    r"\b(one|a) (moment|second|minute)\b",
    r"\bplease (wait|hold|stand by)\b",
    r"\bhold on\b",
    r"\bi(['’]ll| will| am going to|['’]m going to) (now )?"
    r"(process|proceed|cancel|return|exchange|modify|change|update|go ahead|book|submit|do)\b",
    r"\blet me (now )?(process|proceed|cancel|go ahead|update|submit|do)\b",
    r"\bi(['’]m| am) (now )?(processing|cancell?ing|updating|submitting|changing|working)\b",
)
_REPORTS = _any(
    r"\b(has|have) (now |just )?(been|successfully)\b",
    r"\bsuccessful(ly)?\b",
    r"\bi(['’]ve| have) (now |just |also )*"
    r"(cancel|return|exchang|modif|chang|updat|process|complet|submit|refund|done)",
    r"\b(is|are) (now )?(done|complete|completed|cancell?ed|updated|changed)\b",
)
_TRANSFERS = _any(r"\btransfer", r"\bhand(ing|ed)? (you )?over\b", r"\bhuman agent\b")
_SERVES = _any(
    r"\bhow (can|may) i (help|assist) you\b",
    r"\banything else i can (help|assist|do)\b",
)
_NO_FIRST = _any(
    r"^\W*(no|nope|nein|non|não|нет)\b(?! (problem|worries|objection))", r"^\W*(不|いいえ)"
)
_NO = _any(
    r"(\bnot|n['’]t|\bcannot) (really )?"
    r"(know|have|remember|recall|find|agree|tell|say|give|interested)\b",
    r"\bno longer interested\b",
    r"\b(never ?mind|forget (it|that)|changed my mind|leave it|rather not|unfortunately|give up)\b",
    r"不知道|没有|わかりません|知りません",
)
_WANTS = _any(
    r"[?？؟]",
    r"\b(one more|another) thing\b",
    r"\b(can|could|would|will) you\b",
    r"\bi(['’]d| would) (also )?like\b",
    r"\bi (also )?(want|need)\b",
    r"\bplease (also )?(cancel|change|return|exchange|update|send|use|give|tell|check)\b",
)
_YES = _any(
    r"\b(yes|yeah|yep|yup|sure|ok|okay|correct|confirm(ed)?|agreed?|exactly|absolutely)\b",
    r"\b(go ahead|please do|proceed|do it|sounds good|that works|looks good)\b",
    r"\b(that|this)( is|['’]s) (right|fine|correct|ok|okay|good)\b",
    r"\b(sí|oui|ja|sim|да|evet|tak|d'accord|claro|vale|genau|perfect|perfecto)\b",
    r"はい|お願いします|是的|好的|可以|确认|確認|네|예",
)
