"""Turn groups of diagnoses into names and descriptions that a reader can act on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from harness.types import Diagnosis
from harness_faiss.embedding import words

MAX_EXAMPLE = 300
"""Characters of an example that a description quotes."""

Group = Sequence[Diagnosis]


def name_groups(groups: Sequence[Group]) -> list[str]:
    """A name for each group, no two alike.

    The commonest kind of mistake; where several groups have it, with what tells them apart: the
    tool it happens with, then the most telling words, at last a number.
    """
    names = [_kind_name(group) for group in groups]
    for more in (_tool, _telling_words):
        often = Counter(names)
        names = [
            _join(name, more(group, groups)) if often[name] > 1 else name
            for name, group in zip(names, groups, strict=True)
        ]
    used: Counter[str] = Counter()
    for index, name in enumerate(names):
        used[name] += 1
        if used[name] > 1:
            names[index] = f"{name} ({used[name]})"
    return names


def describe(group: Group, *, total: int) -> str:
    """One sentence: how many of all failures, which kinds, with which tool, then an example."""
    kinds = [
        f"{_plain(kind)} ({count})" if len(set(d.kind for d in group)) > 1 else _plain(kind)
        for kind, count in Counter(d.kind for d in group).most_common(3)
    ]
    tool, uses = Counter(d.tool for d in group).most_common(1)[0]
    where = f", mostly with {tool}" if tool and uses * 2 > len(group) else ""
    summary = " ".join(group[0].summary.split())
    example = summary if len(summary) <= MAX_EXAMPLE else f"{summary[:MAX_EXAMPLE]}…"
    said = f"; e.g. {example}" if example else ""
    return f"{len(group)} of {total} failures: {', '.join(kinds)}{where}{said}"


def _kind_name(group: Group) -> str:
    kinds = Counter(d.kind for d in group).most_common(2)
    if len(kinds) == 2 and kinds[0][1] * 2 < len(group):
        return f"{_plain(kinds[0][0])} or {_plain(kinds[1][0])}"
    return _plain(kinds[0][0])


def _join(name: str, addition: str) -> str:
    return f"{name}: {addition}" if addition else name


def _tool(group: Group, groups: Sequence[Group]) -> str:
    return _plain(Counter(d.tool for d in group).most_common(1)[0][0], nothing="")


def _telling_words(group: Group, groups: Sequence[Group]) -> str:
    """The two words of the summaries that are commonest here against everywhere."""
    here = _document_frequency(group)
    everywhere = _document_frequency([d for other in groups for d in other])
    lift = {w: here[w] ** 2 / everywhere[w] for w in here if len(w) > 2 and w != "<id>"}
    return " ".join(sorted(lift, key=lambda word: (-lift[word], word))[:2])


def _document_frequency(group: Group) -> Counter[str]:
    return Counter(word for d in group for word in set(words(d.summary)))


def _plain(slug: str, *, nothing: str = "unnamed failure") -> str:
    return slug.replace("_", " ").strip() or nothing
