"""Turn a recording into a submission to the τ-bench leaderboard: figures, and who vouches."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

from harness.assembly.config import read_options
from harness.errors import ConfigError, FormatError
from harness.evaluation.metrics import Outcome, pass_table
from harness.protocols import Settings
from harness.runtime.counting import counted
from harness.types import Episode, Json, Recording
from harness_tau2.files import head, write_json
from harness_tau2.leaderboard import (
    DOMAINS,
    Contact,
    DomainFigures,
    Figures,
    Methodology,
    ModelRelease,
    Reference,
    Submission,
    Verification,
)
from harness_tau2.official_tasks import OFFICIAL_PREFIX

NAME = "submission.json"
TRIALS = 4
"""How many trials of each task the leaderboard asks for."""

BASE_TASKS: Mapping[str, int] = {
    "retail": 114,
    "airline": 50,
    "telecom": 114,
    "banking_knowledge": 97,
}
"""How many tasks it asks for: those of the split "base"."""

NOT_EVALUABLE = ("infrastructure_fault", "context_overflow")
"""Endings that upstream leaves out of its figures; faults of agent and user count as failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionOptions:
    """What a submission says beside the figures; empty means not given.

    ``trajectory_files`` are file names by domain; ``references`` are links by title. ``notes``
    replaces the sentence that is made from the run's settings.
    """

    model_name: str = ""
    model_organization: str = ""
    submitting_organization: str = ""
    submission_date: date | None = None
    email: str = ""
    contact_name: str = ""
    github: str = ""
    submission_type: Literal["custom", "standard"] = "custom"
    is_new: bool = False
    reasoning_effort: str = ""
    trajectories_available: bool = False
    trajectory_files: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    evaluation_date: date | None = None
    tau2_bench_version: str = ""
    user_simulator: str = ""
    notes: str = ""
    modified_prompts: bool | None = None
    omitted_questions: bool | None = None
    verification_details: str = ""
    release_date: date | None = None
    announcement_url: str = ""
    announcement_title: str = ""


REQUIRED = (
    "model_name", "model_organization", "submitting_organization", "submission_date", "email",
)  # fmt: skip


class SubmissionFormat:
    """The leaderboard's format: it can be written, and has no conversations to read."""

    def __init__(self, options: SubmissionOptions) -> None:
        self.options = options

    def recognises(self, path: Path) -> bool:
        start = head(path)
        return start.startswith(b"{") and b'"model_name"' in start and b'"model_org' in start

    def read(self, path: Path) -> Recording:
        """Raises ``FormatError``: there is nothing to read."""
        raise FormatError(
            f"{path} is a leaderboard submission, which holds figures and no conversations",
            hint="Import the trajectory files that belong to it, with the format tau2.",
        )

    def write(self, recording: Recording, path: Path) -> None:
        """Write the submission to ``path``, or to submission.json in it if it is no .json file.

        Raises ``ConfigError`` naming all options that are missing, and ``FormatError`` for
        conversations that are on no official tasks or not judged. Warns of what the leaderboard
        asks for beyond that: all tasks, and four trials of each.
        """
        domain = _official(recording)
        figures = domain_figures(recording.episodes)
        submission = _submission(self.options, recording, domain, figures)
        for warning in _gaps(recording.episodes, figures, domain):
            warnings.warn(warning, stacklevel=2)
        target = path if path.suffix == ".json" else path / NAME
        target.parent.mkdir(parents=True, exist_ok=True)
        plain: dict[str, Json] = submission.model_dump(mode="json", exclude_none=True)
        plain["results"] = {domain: figures.model_dump(mode="json")}
        write_json(plain, target)


def submission_format(settings: Settings) -> SubmissionFormat:
    """The format with the metadata of ``[options.submission]``."""
    return SubmissionFormat(read_options(SubmissionOptions, settings, name="submission"))


def domain_figures(episodes: Sequence[Episode]) -> DomainFigures:
    """Pass^1..4 in percent as upstream counts, and the mean cost of the agent in US dollars.

    A k has a figure only if every task has k trials that count. The cost is None if none is known.
    """
    table = pass_table(
        [
            Outcome(
                task_id=episode.task.id,
                success=episode.score.success,
                fault=episode.uncounted if episode.trajectory.ended in NOT_EVALUABLE else "",
            )
            for episode in episodes
        ],
        resamples=1,
    )
    whole = {k: v.value for k, v in table.pass_.items() if table.counted[k] == table.tasks}
    costs = [episode.trajectory.usage["agent"].cost_usd for episode in episodes
             if "agent" in episode.trajectory.usage]  # fmt: skip
    return DomainFigures(
        pass_1=whole.get(1),
        pass_2=whole.get(2),
        pass_3=whole.get(3),
        pass_4=whole.get(4),
        cost=sum(costs) / len(costs) if any(costs) else None,
    )


def _submission(
    options: SubmissionOptions, recording: Recording, domain: str, figures: DomainFigures
) -> Submission:
    missing = [name for name in REQUIRED if not getattr(options, name)]
    if missing or options.submission_date is None:
        raise ConfigError(
            f"a submission needs {', '.join(missing)}",
            hint=f"Set them in [options.submission], or with --option submission.{missing[0]}=...",
        )
    return Submission(
        model_name=options.model_name,
        model_organization=options.model_organization,
        submitting_organization=options.submitting_organization,
        submission_date=options.submission_date,
        submission_type=options.submission_type,
        contact_info=Contact(
            email=options.email, name=options.contact_name or None, github=options.github or None
        ),
        results=Figures(**{domain: figures}),
        is_new=options.is_new,
        trajectories_available=options.trajectories_available or bool(options.trajectory_files),
        trajectory_files=options.trajectory_files or None,
        references=[Reference(title=t, url=u) for t, u in options.references.items()] or None,
        methodology=_methodology(options, recording, omits=_omits(recording.episodes, domain)),
        model_release=_release(options),
        reasoning_effort=options.reasoning_effort or None,
    )


def _methodology(options: SubmissionOptions, recording: Recording, *, omits: bool) -> Methodology:
    simulator = options.user_simulator or str(recording.about.get("simulator") or "")
    verification = Verification(
        modified_prompts=options.modified_prompts,
        omitted_questions=True if omits else options.omitted_questions,
        details=options.verification_details or None,
    )
    return Methodology(
        evaluation_date=options.evaluation_date,
        tau2_bench_version=options.tau2_bench_version or None,
        user_simulator=simulator or None,
        notes=options.notes or _notes(recording),
        verification=None if verification == Verification() else verification,
    )


def _release(options: SubmissionOptions) -> ModelRelease | None:
    release = ModelRelease(
        release_date=options.release_date,
        announcement_url=options.announcement_url or None,
        announcement_title=options.announcement_title or None,
    )
    return None if release == ModelRelease() else release


def _notes(recording: Recording) -> str:
    """What a reader must know of the run, from what it kept."""
    about = recording.about
    kept = ("policy", "temperature", "seed", "max_steps", "max_errors", "data_version")
    told = [f"{key} {about[key]}" for key in kept if about.get(key) not in (None, "")]
    return (
        f"Evaluated with errata-harness: {counted(len(recording.episodes), 'conversation')} on "
        f"{counted(_tasks(recording.episodes), 'task')}"
        f"{', ' if told else ''}{', '.join(told)}."
    )


def _official(recording: Recording) -> str:
    """The official domain. Raises ``FormatError`` if there is none, or verdicts are missing."""
    domain = recording.domain.removeprefix(OFFICIAL_PREFIX)
    if domain == recording.domain or domain not in DOMAINS:
        raise FormatError(
            f"the leaderboard has no domain {recording.domain!r}",
            hint=f"It takes official tasks: {', '.join(OFFICIAL_PREFIX + d for d in DOMAINS)}.",
        )
    unjudged = sum(episode.uncounted == "not_gradeable" for episode in recording.episodes)
    if unjudged or not recording.episodes:
        raise FormatError(
            f"{unjudged} of {len(recording.episodes)} conversations have no verdict",
            hint="A submission needs them all: evaluate with a judge of statements in words.",
        )
    return domain


def _gaps(episodes: Sequence[Episode], figures: DomainFigures, domain: str) -> list[str]:
    """What the leaderboard asks for and this evaluation does not have, one sentence each."""
    gaps = []
    if _omits(episodes, domain):
        gaps.append(
            f"{counted(_tasks(episodes), 'task')} evaluated, and the leaderboard asks for all "
            f"{BASE_TASKS[domain]} of {domain}"
        )
    missing = [k for k in range(1, TRIALS + 1) if getattr(figures, f"pass_{k}") is None]
    if missing:
        lost = sum(episode.trajectory.ended in NOT_EVALUABLE for episode in episodes)
        gaps.append(
            f"no figure for {', '.join(f'Pass^{k}' for k in missing)}: the leaderboard asks for "
            f"{TRIALS} trials of each task, and some task has fewer that count "
            f"({lost} of {len(episodes)} conversations ended by no fault of the agent)"
        )
    return gaps


def _omits(episodes: Sequence[Episode], domain: str) -> bool:
    return _tasks(episodes) < BASE_TASKS[domain]


def _tasks(episodes: Sequence[Episode]) -> int:
    return len({episode.task.id for episode in episodes})
