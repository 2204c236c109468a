"""Turn the conversations of an evaluation into diagnoses, error patterns, and how sure they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.assembly.components import Components
from harness.discovery.contrast import Thresholds, contrasted, read_signs, split
from harness.discovery.diagnose import account, diagnose, explicable, failures
from harness.discovery.drift import NONE, Landscape
from harness.discovery.families import with_families
from harness.discovery.naming import name_patterns
from harness.discovery.patterns import find_patterns
from harness.discovery.quarantine import quarantine, suspects
from harness.errors import NothingToLearn, RunError, expected, plugin_boundary
from harness.protocols import SurveyingClusterer
from harness.run_folder import RunFolder
from harness.types import Diagnosis, Episode, ErrorPattern, Json, Survey
from harness.types.names import EvaluationName, StationName


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What discovery found in an evaluation's failures.

    ``patterns`` can be causes and are what tasks are made for; ``filtered`` are those that are as
    frequent in successes, or too rare; ``about`` holds facts about the whole, for the report.
    """

    diagnoses: Sequence[Diagnosis]
    patterns: Sequence[ErrorPattern]
    filtered: Sequence[ErrorPattern] = ()
    survey: Survey = field(default_factory=Survey)
    about: Mapping[str, Json] = field(default_factory=dict)


def discover_patterns(
    parts: Components, episodes: Sequence[Episode], previous: Sequence[ErrorPattern] = ()
) -> Discovery:
    """Blame first, then patterns among the agent's failures, then the contrast with successes."""
    failed = failures(episodes)
    if left_out := len(episodes) - len(explicable(episodes)):
        lost = f"{left_out} of {len(episodes)} conversations are left out"
        parts.notify("warning", message=f"{lost}: their recording contradicts itself")
    diagnoses = diagnose(failed, parts.judge, parts.domain, parts.executor, parts.plugins)
    if len(diagnoses) < len(failed):
        lost = f"{len(failed) - len(diagnoses)} of {len(failed)} failures"
        parts.notify("warning", message=f"the judge gave no usable verdict on {lost}")
    return survey_patterns(parts, episodes, diagnoses, previous)


def survey_patterns(
    parts: Components,
    episodes: Sequence[Episode],
    diagnoses: Sequence[Diagnosis],
    previous: Sequence[ErrorPattern] = (),
) -> Discovery:
    """The same from diagnoses that are there already."""
    plugin = parts.plugins.clusterer
    found = find_patterns(diagnoses, parts.clusterer, previous, plugin=plugin)
    found = with_families(found, parts.domain.tools)
    found, naming = name_patterns(parts, found, diagnoses, previous)
    found, compared = _contrast(parts, episodes, diagnoses, found) if found else ([], None)
    thresholds = Thresholds(coverage=parts.config.min_coverage, gap=parts.config.min_gap)
    patterns, filtered = split(found, thresholds)
    clusterer = parts.clusterer
    survey = Survey()
    if found and isinstance(clusterer, SurveyingClusterer):
        with plugin_boundary(plugin, "survey"):
            survey = expected(Survey, clusterer.survey(), "survey()")
    about: dict[str, Json] = {
        "method": clusterer.method if found else "",
        **account(failures(episodes), diagnoses, parts.judge, parts.plugins),
        "families": dict(_families(found)),
        **({"names": dict(naming)} if naming else {}),
        "quality": dict(survey.quality),
        "noise": list(survey.noise),
        "thresholds": {"min_coverage": thresholds.coverage, "min_gap": thresholds.gap},
        "compared": compared,
        "suspects": [dict(row) for row in suspects(diagnoses)],
        "conversations": dict(_counted(episodes, diagnoses)),
    }
    return Discovery(
        diagnoses=diagnoses, patterns=patterns, filtered=filtered, survey=survey, about=about
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """Of ``discovery.json`` what later rounds read; older versions kept no ``conversations``."""

    conversations: Mapping[str, int] | None = None


def write_discovery(store: RunFolder, number: int, source: str, found: Discovery) -> None:
    """Keep a discovery as that of a round; ``source`` is the evaluation it read.

    Its files and its mark change in one step.
    """
    folder = f"rounds/{number}"
    places = {id: [round(x, 4), round(y, 4)] for id, (x, y) in found.survey.places.items()}
    with store.together():
        store.write_values(f"{folder}/diagnoses.jsonl", Diagnosis, found.diagnoses)
        store.write_values(f"{folder}/patterns.jsonl", ErrorPattern, found.patterns)
        store.write_values(f"{folder}/filtered.jsonl", ErrorPattern, found.filtered)
        store.write_json(f"{folder}/map.json", places)
        store.write_json(f"{folder}/discovery.json", {"evaluation": source, **found.about})
        store.mark(StationName.discover(number))


def evaluation_read(store: RunFolder, number: int) -> EvaluationName:
    """The evaluation that the round's patterns are of. Raises ``RunError`` if the round has no
    complete discovery.
    """
    name = f"rounds/{number}/discovery.json"
    if not store.has(name):
        raise RunError(
            f"round {number} has not been discovered completely: {name} is missing",
            hint=f"Run `harness discover {store.folder} --round {number} --again` first.",
        )
    return EvaluationName(store.read_field(name, "evaluation", str))


def refuse_held_out(store: RunFolder, number: int) -> None:
    """Raise ``RunError`` if the round reads an evaluation on test tasks, from which nothing is
    learned, or has no complete discovery.
    """
    source = evaluation_read(store, number)
    if source.on_split == "test":
        raise RunError(
            f"round {number} reads the evaluation {source!r}, which is on test tasks: tasks made "
            "from its failures would leak them into training",
            hint="Tasks are made only from conversations on train or validation tasks: evaluate "
            "with `harness eval --split validation`, or import a recording of such; then run "
            "`harness discover --again` on that.",
        )


def patterns_to_learn(store: RunFolder, number: int) -> list[ErrorPattern]:
    """The patterns of a round that tasks are made for. Raises ``NothingToLearn`` if no failure is
    the agent's, or no pattern can be a cause, and ``RunError`` if they are lost.
    """
    if not store.has(f"rounds/{number}/patterns.jsonl"):
        raise RunError(
            f"round {number} has lost its patterns: rounds/{number}/patterns.jsonl is missing",
            hint=f"Run `harness discover {store.folder} --round {number} --again` first.",
        )
    patterns = store.read_values(f"rounds/{number}/patterns.jsonl", ErrorPattern)
    if patterns:
        return patterns
    if filtered := round_patterns(store, number):
        names = ", ".join(pattern.name for pattern in filtered)
        raise NothingToLearn(
            f"none of {len(filtered)} patterns can be a cause of failures: {names}",
            hint="Evaluate on more tasks, or set a lower `min_coverage` or `min_gap` in a new run.",
        )
    count = len(store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis))
    raise NothingToLearn(
        f"there is nothing to learn from: none of {count} failures is the agent's",
        hint="Evaluate on more or harder tasks (`validation_tasks`) or with more trials.",
    )


def round_patterns(store: RunFolder, number: int) -> list[ErrorPattern]:
    """All patterns of a round, those filtered out too."""
    return [
        pattern
        for name in ("patterns", "filtered")
        for pattern in store.read_values(f"rounds/{number}/{name}.jsonl", ErrorPattern)
    ]


def patterns_before(store: RunFolder, number: int) -> list[ErrorPattern]:
    """The patterns of all earlier rounds, each as it was seen last; none of a round that read test
    tasks, whose words would come back in later rounds.
    """
    known: dict[str, ErrorPattern] = {}
    for earlier in range(1, number):
        if (
            store.has(f"rounds/{earlier}/discovery.json")
            and evaluation_read(store, earlier).on_split != "test"
        ):
            known.update({pattern.id: pattern for pattern in round_patterns(store, earlier)})
    return list(known.values())


def landscape(
    patterns: Sequence[ErrorPattern],
    diagnoses: Sequence[Diagnosis],
    conversations: Mapping[str, int],
) -> Landscape:
    """The agent's failures by task and pattern, to be compared with those of another round."""
    of = {member: pattern.id for pattern in patterns for member in pattern.members}
    counts: dict[str, Counter[str]] = {}
    for diagnosis in diagnoses:
        if diagnosis.blame == "agent":
            pattern_id = of.get(diagnosis.trajectory_id, NONE)
            counts.setdefault(diagnosis.task_id, Counter())[pattern_id] += 1
    return Landscape(trials=dict(conversations), failures=counts)


def round_landscape(store: RunFolder, number: int) -> Landscape | None:
    """The landscape of a round; None if it was not kept (by an older version)."""
    name = f"rounds/{number}/discovery.json"
    found = store.read_value(name, _Read).conversations if store.has(name) else None
    if found is None:
        return None
    diagnoses = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
    return landscape(round_patterns(store, number), diagnoses, found)


def _contrast(
    parts: Components,
    episodes: Sequence[Episode],
    diagnoses: Sequence[Diagnosis],
    patterns: Sequence[ErrorPattern],
) -> tuple[list[ErrorPattern], Json]:
    own = {d.trajectory_id: d for d in diagnoses if d.blame == "agent"}
    failed = [e for e in episodes if e.trajectory.id in own]
    succeeded = [e for e in explicable(episodes) if e.score.success and not e.uncounted]
    signs = read_signs(
        [*failed, *succeeded], parts.judge, parts.domain, parts.executor, parts.plugins
    )
    if signs is None:
        return list(patterns), None
    if unread := len(failed) + len(succeeded) - len(signs):
        lost = f"{unread} of {len(failed) + len(succeeded)} conversations"
        parts.notify("warning", message=f"the contrast leaves out {lost}: the judge could not say")
    failed = [e for e in failed if e.trajectory.id in signs]
    succeeded = [e for e in succeeded if e.trajectory.id in signs]
    found = contrasted(
        patterns,
        {e.trajectory.id: {*signs[e.trajectory.id], own[e.trajectory.id].kind} for e in failed},
        {e.trajectory.id: signs[e.trajectory.id] for e in succeeded},
    )
    return found, {"failures": len(failed), "successes": len(succeeded)}


def _families(patterns: Sequence[ErrorPattern]) -> Counter[str]:
    """Failures by family."""
    found: Counter[str] = Counter()
    for pattern in patterns:
        found[pattern.family] += len(pattern.members)
    return Counter(dict(found.most_common()))


def _counted(episodes: Sequence[Episode], diagnoses: Sequence[Diagnosis]) -> Counter[str]:
    """Conversations by task, without faults and without what is in quarantine."""
    excluded = quarantine(diagnoses)
    return Counter(
        episode.task.id
        for episode in explicable(episodes)
        if not episode.uncounted and episode.trajectory.id not in excluded
    )
