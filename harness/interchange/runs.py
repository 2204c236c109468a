"""Turn recordings into run folders, and what is in a run folder into recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.assembly.config import LoopConfig, load_config
from harness.assembly.registry import Registry
from harness.assembly.trust import refuse_unagreed_options
from harness.errors import ConfigError, HarnessError, RunError, UnknownName
from harness.evaluation.station import DATA_VERSION, evaluation_tasks, stamp_data_version
from harness.interchange.foreign import DOMAIN, JUDGE
from harness.interchange.replay import Regraded
from harness.interchange.tally import tally
from harness.protocols import Domain, Settings
from harness.results.originals import originals_of
from harness.results.outcomes import diagnoses_of
from harness.run_folder import CONFIG, RunFolder
from harness.runtime.garbage_collection import uncollected
from harness.types import Diagnosis, Episode, Json, Recording, Score, Split, Task
from harness.types.names import ArmName, EvaluationName, StationName

ARM = ArmName.POLICY
"""The arm under which a run folder keeps what was imported."""

Options = Mapping[str, Mapping[str, Json]]
"""Option tables by plugin name."""

KEPT: Mapping[str, tuple[str, Any]] = {
    "seed": ("seed", int),
    "temperature": ("temperature", int | float),
    "max_steps": ("message_limit", int),
    "max_errors": ("max_errors", int),
}
"""What recordings and runs both know: its name there (as in tau2), the setting here, its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A recording and where it was found; ``options`` are the plugin options it was made with."""

    recording: Recording
    path: Path
    format: str
    options: Options = field(default_factory=dict)


def imported_config(source: Source, options: Options | None = None) -> LoopConfig:
    """The settings of a run that consists of this recording: the file plays agent and user."""
    recording = source.recording
    kind = "test" if split_of(recording) == "test" else "validation"
    trials = Counter(episode.task.id for episode in recording.episodes)
    known = {
        setting: recording.about.get(name)
        for name, (setting, shape) in KEPT.items()
        if isinstance(recording.about.get(name), shape)
        and _is_possible(setting, recording.about[name])
    }
    flags = {
        **known,
        "domain": recording.domain,
        "policy": f"replay:{source.path}",
        "simulator": f"replay:{source.path}",
        f"{kind}_tasks": len(recording.tasks),
        f"{kind}_trials": max(trials.values(), default=0),
        "options": options or None,
    }
    if recording.domain == DOMAIN:
        tables = {**(options or {}), DOMAIN: source.options.get(DOMAIN, {})}
        flags |= {"judge": JUDGE, "options": tables}
    return load_config(flags=flags)


def _is_possible(setting: str, value: Json) -> bool:
    """Whether a run of ours could have the setting: a file may say 0 for what it does not know."""
    try:
        load_config(flags={setting: value})
    except ConfigError:
        return False
    return True


def keep(store: RunFolder, source: Source, graded: Sequence[Regraded], *, data_version: str) -> str:
    """Write the recording into a new run folder as one finished evaluation; returns its name.

    graded: the episodes graded again; where that was not possible, the recorded grade stands.
    """
    recording = source.recording
    split = split_of(recording)
    name = EvaluationName.of(ARM, split)
    if data_version:
        stamp_data_version(store, data_version)
    store.write_values(f"tasks/{split}.jsonl", Task, recording.tasks)
    store.write_rows(
        f"evals/{name}/originals.jsonl",
        [{"trajectory_id": id, "record": record} for id, record in recording.originals.items()],
    )
    store.write_values(f"evals/{name}/diagnoses.jsonl", Diagnosis, recording.diagnoses)
    store.write_json(
        f"evals/{name}/about.json",
        {
            "format": source.format,
            "file": str(source.path),
            "data_version": data_version,
            "regraded": tally(graded),
            "about": dict(recording.about),
        },
    )
    with uncollected():
        store.write_episodes(name, [settled(one) for one in graded])
    store.finish(StationName.evaluate(ARM, split), 0.0)
    return name


def settled(regraded: Regraded) -> Episode:
    """The episode under its new grade, or as recorded where there is none.

    The recorded score stands if the verdict is the same.
    """
    episode, grade = regraded.episode, regraded.grade
    if grade is None:
        return episode
    success = grade.success and grade.is_decided
    changed = success != episode.score.success
    score = Score(success=success, total=float(success)) if changed else episode.score
    return replace(episode, grade=grade, score=score)


def split_of(recording: Recording) -> Split:
    """The split that all tasks are of; "test" if they are of several."""
    splits = {task.split for task in recording.tasks}
    return splits.pop() if len(splits) == 1 else "test"


def open_domain(registry: Registry, name: str, options: Options | None = None) -> Domain:
    """The domain of that name. Raises ``UnknownName``, or what it lacks to work."""
    return registry.make("domain", name, Settings(options=(options or {}).get(name, {})))


def open_recorded_domain(
    registry: Registry, recording: Recording, options: Options | None = None
) -> Domain:
    """The domain that the recording names, which nobody can have misspelled. Raises as
    ``open_domain``.
    """
    try:
        return open_domain(registry, recording.domain, options)
    except UnknownName as error:
        raise UnknownName(
            str(error),
            hint="Install a plugin that offers the domain to grade its conversations again.",
        ) from None


# --- from a run folder to a recording -------------------------------------------------------------


def recorded_run(registry: Registry, store: RunFolder, evaluation: str = "") -> Recording:
    """One evaluation of a run (default: the only one) as a recording.

    ``about`` is that of the imported file; for conversations of the run's own it holds domain,
    domain_policy (the text), data_version, arm, split, policy, simulator, seed, temperature,
    trials, max_steps and max_errors. The diagnoses are of the last round that read the evaluation,
    or else those that came with the file. Raises ``RunError`` if there is no such evaluation.
    """
    name = chosen_evaluation(store, evaluation)
    tasks = evaluation_tasks(store, name)
    episodes = store.read_episodes(name, tasks)
    if not episodes:
        raise RunError(
            f"the evaluation {name!r} of {store.folder} has no conversations",
            hint="Continue it with `harness eval --resume`.",
        )
    domain = _domain_of(registry, store)
    imported = f"evals/{name}/about.json"
    about: Mapping[str, Json] = (
        store.read_field(imported, "about", dict[str, Any])
        if store.has(imported)
        else _about(store, name, episodes, domain)
    )
    return Recording(
        domain=store.read_field(CONFIG, "domain", str),
        tasks=tuple(tasks),
        episodes=tuple(episodes),
        diagnoses=tuple(diagnoses_of(store, name)),
        about=about,
        originals={row.trajectory_id: row.record for row in originals_of(store, name)},
        policy=domain.policy if domain else "",
        tools=tuple(domain.tools) if domain else (),
    )


def chosen_evaluation(store: RunFolder, name: str = "") -> str:
    """The evaluation of that name, or the only one. Raises ``RunError`` naming those there are."""
    known = store.evaluations()
    if name in known or (not name and len(known) == 1):
        return name or known[0]
    if not known:
        raise RunError(
            f"{store.folder} has no evaluation yet", hint="Run `harness eval` or `harness loop`."
        )
    if name:
        raise RunError(
            f"{store.folder} has no evaluation {name!r} (it has {', '.join(known)})",
            hint="Choose one of these with --evaluation.",
        )
    raise RunError(
        f"{store.folder} has several evaluations: {', '.join(known)}",
        hint="Choose one with --evaluation.",
    )


def options_of(store: RunFolder) -> Options:
    """The option tables of the run's plugins."""
    return store.read_field(CONFIG, "options", dict[str, dict[str, Any]])


def _domain_of(registry: Registry, store: RunFolder) -> Domain | None:
    """The run's domain; None if it is not installed or its options were not agreed to."""
    name, options = store.read_field(CONFIG, "domain", str), options_of(store)
    try:
        refuse_unagreed_options(name, options, store.folder)
        return open_domain(registry, name, options)
    except HarnessError:
        return None


def _about(
    store: RunFolder, name: str, episodes: Sequence[Episode], domain: Domain | None
) -> dict[str, Json]:
    arm, split = EvaluationName(name).arm, EvaluationName(name).on_split
    return {
        **{key: store.read_field(CONFIG, key, str) for key in ("domain", "policy", "simulator")},
        **{name: store.read_field(CONFIG, key, shape) for name, (key, shape) in KEPT.items()},
        "arm": arm,
        "split": split,
        "trials": max(Counter(episode.task.id for episode in episodes).values()),
        "domain_policy": domain.policy if domain else "",
        "data_version": store.read_field(DATA_VERSION, "data_version", str)
        if store.has(DATA_VERSION)
        else "",
    }
