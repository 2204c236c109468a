"""Turn a recording of an agent that no domain here knows into one that discovery can read: with
placeholders for personal data, a verdict for each conversation, and the tools that were seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from harness.errors import ConfigError
from harness.interchange.inference import InferredTool, infer_tools
from harness.interchange.outcomes import by_condition, by_field, by_judge, candidates
from harness.interchange.personal_data import BY_DEFAULT, Kind, PersonalData
from harness.types import Episode, Json, Recording

DOMAIN, JUDGE = "recorded", "conduct"
"""The domain and the judge of conversations that no domain can carry out again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """How to read conversations without a domain.

    ``outcome`` is the field of a record that says how it ended, ``failed_if`` a condition under
    which it failed; without both the verdict is the file's own. ``redact`` are the kinds of
    personal data to replace. ``judged``: a judge decides what is left without a verdict.
    """

    outcome: str = ""
    failed_if: str = ""
    redact: tuple[Kind, ...] = BY_DEFAULT
    judged: bool = False

    def __post_init__(self) -> None:
        if self.outcome and self.failed_if:
            raise ConfigError(
                "two ways to tell failures are given: a field and a condition",
                hint="Use --outcome or --failed-if, not both.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The recording, of ``DOMAIN`` now, and the options of that."""

    recording: Recording
    options: Mapping[str, Json] = field(default_factory=dict)


def adopt(recording: Recording, how: Adoption) -> Adopted:
    """The recording as one of ``DOMAIN``; ``about`` gets ``redacted`` and ``outcomes``, counted.

    Raises ``ConfigError`` if no conversation has a verdict.
    """
    data = PersonalData(how.redact)
    redacted = data.recording(recording)
    episodes = _with_verdicts(redacted, how)
    tools = infer_tools(episodes, redacted.tools)
    about: dict[str, Json] = {
        **redacted.about,
        "redacted": {kind: data.counts[kind] for kind in how.redact},
        "outcomes": dict(Counter(map(_outcome, episodes))),
    }
    adopted = replace(
        redacted,
        domain=DOMAIN,
        episodes=tuple(replace(e, task=replace(e.task, domain=DOMAIN)) for e in episodes),
        tasks=tuple({e.task.id: replace(e.task, domain=DOMAIN) for e in episodes}.values()),
        tools=tuple(one.tool for one in tools),
        about=about,
    )
    return Adopted(recording=adopted, options=_options(tools, redacted.about))


def _with_verdicts(recording: Recording, how: Adoption) -> Sequence[Episode]:
    episodes = recording.episodes
    if how.outcome:
        return by_field(episodes, recording.originals, how.outcome)
    if how.failed_if:
        return by_condition(episodes, recording.originals, how.failed_if)
    if how.judged:
        return by_judge(episodes)
    if not any(episode.grade.is_decided for episode in episodes):
        found = candidates(recording.originals)
        fields = f" Fields that could say it: {', '.join(found)}." if found else ""
        raise ConfigError(
            "nothing says which conversations failed",
            hint=f"Name a field (--outcome), a condition (--failed-if), or a chat model that "
            f"decides (--judge).{fields}",
        )
    return episodes


def _outcome(episode: Episode) -> str:
    if episode.uncounted:
        return "unjudged" if episode.grade.unjudged else "unknown"
    return "succeeded" if episode.score.success else "failed"


def _options(tools: Sequence[InferredTool], about: Mapping[str, Json]) -> dict[str, Json]:
    described: list[Json] = [
        {name: part for name, part in asdict(one.tool).items() if name in _KEPT} for one in tools
    ]
    policy = about.get("system")
    return {"tools": described, **({"policy": policy} if isinstance(policy, str) else {})}


_KEPT = ("name", "description", "parameters", "kind")


def _replaced(counts: Mapping[str, Json]) -> str:
    if not counts:
        return "nothing was redacted: --redact none"
    if not any(counts.values()):
        return f"there was nothing to redact: no {', '.join(counts)}"
    return f"redacted: {', '.join(f'{count} {kind}' for kind, count in counts.items())}"


def counted(recording: Recording) -> list[str]:
    """What a reader must know of an adopted recording, in words: what was replaced, what has no
    verdict, and what in the file was odd.
    """
    about = recording.about
    if recording.domain != DOMAIN:
        return []
    lines = []
    redacted, outcomes, odd = (about.get(name) for name in ("redacted", "outcomes", "odd"))
    if isinstance(redacted, dict):
        lines.append(_replaced(redacted))
    if isinstance(outcomes, dict) and (lost := outcomes.get("unknown")):
        lines.append(f"{lost} of {len(recording.episodes)} conversations have no verdict")
    if isinstance(odd, dict):
        lines += [f"{count} {what}" for what, count in odd.items()]
    return lines
