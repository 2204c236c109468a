"""Turn a finished arm's run folder into one small row: all that the analysis needs of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import file_digest, sha256
from itertools import accumulate

from harness.assembly.components import Components
from harness.discovery.attribution import assigned, known_failures
from harness.discovery.diagnose import by_blame, failures, read_failures
from harness.discovery.families import capability, pattern_capability, record_nouns
from harness.discovery.station import evaluation_read, round_patterns
from harness.evaluation.behaviour import behaviour
from harness.evaluation.station import evaluation_tasks, read_evaluation
from harness.injection.pool import rounds_of, tasks_of_round
from harness.protocols import Domain
from harness.results.history import pattern_rows, round_numbers, shift_rows
from harness.results.rollout_groups import RolloutGroup, courses, rollout_groups
from harness.run_folder import RunFolder
from harness.study.arms import kept_weights
from harness.study.cpu_meter import cpu_seconds
from harness.types import Diagnosis, Episode, Json
from harness.types.names import ArmName, EvaluationName

Row = dict[str, Json]

UNCOUNTED = "-"
"""Stands for a trial that says nothing about the policy; "1" and "0" for success and failure."""


def shared_row(store: RunFolder, domain: Domain | None = None) -> Row:
    """What arms of a seed begin from: the weights, which ``start`` stands for, the patterns found
    and the tasks made for them. Without the ``domain`` nothing is said of what agents lack.
    """
    patterns = round_patterns(store, 1)
    records = record_nouns(domain.tools) if domain else None
    tasks = Counter(t.origin.pattern_id for t in tasks_of_round(store, 1) if t.origin)
    return {
        "start": start_of(store),
        "patterns": [
            {
                "id": pattern.id,
                "name": pattern.name,
                "family": pattern.family,
                "lacks": "" if records is None else pattern_capability(pattern, records),
                "count": len(pattern.members),
                "share": round(pattern.share, 4),
                "tasks": tasks[pattern.id],
            }
            for pattern in patterns
        ],
        "training": _training(store, ArmName.SFT),
        **_effort(store),
    }


def arm_row(parts: Components, store: RunFolder, checkpoint: str) -> Row:
    """Outcomes of the arm on the test tasks, its failures by pattern, and what it cost.

    ``outcomes`` has a string for each of ``tasks``, a character for each trial. ``tags`` has the
    places of tasks that carry a tag. ``failures`` counts the agent's failures by pattern of round 1
    and by place of the task, those in none under ""; ``mistakes`` counts them by what the agent
    lacks in any domain (``harness.discovery.families.CAPABILITIES``), by kind and by place, and
    ``mistakes_by_round`` those that each round read, in conversations on validation tasks.
    """
    episodes = read_evaluation(store, EvaluationName.of(checkpoint, "test"))
    diagnoses, _ = read_failures(
        failures(episodes), parts.judge, parts.domain, parts.executor, parts.plugins
    )
    rounds = round_numbers(store)
    return {
        "checkpoint": checkpoint,
        "trained_on": store.read_checkpoint(checkpoint).trained_on,
        **_outcomes(episodes),
        "tags": tag_row(episodes),
        "failures": _by_pattern(store, episodes, diagnoses),
        "mistakes": mistake_row(diagnoses, _task_ids(episodes), parts.domain),
        "mistakes_by_round": _mistakes_by_round(parts, store),
        "blame": dict(by_blame(diagnoses)),
        "behaviour": behaviour_row(episodes, parts.domain),
        "training": _training(store, checkpoint),
        "warm_start": _warm_start(store, checkpoint),
        "rollouts": rollouts(store, checkpoint),
        "practice": practice_row([g for g in rollout_groups(store) if g.arm == checkpoint]),
        "curve": [_point(parts, store, name) for name in kept_weights(store, checkpoint)],
        "pool": {str(n): len(tasks_of_round(store, n)) for n in rounds_of(store)},
        "rounds": [_picked(row, "id", "name", "rounds") for row in _by_round(store, rounds)],
        "shifts": [
            _picked(row, "from", "to", "distance", "p", "verdict")
            for row in shift_rows(store, rounds)
        ],
        **_effort(store),
    }


def start_of(store: RunFolder) -> str:
    """Equal where the SFT checkpoint is, byte by byte."""
    folder = store.folder / "checkpoints" / ArmName.SFT / "model"
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digest = sha256()
    for path in files:
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def rollouts(store: RunFolder, checkpoint: str) -> Row:
    """Rollouts that the policy was trained on since SFT, and those of all trainings of the run."""
    folder = store.folder / "checkpoints"
    paths = (p for depth in ("*", "*/*") for p in folder.glob(f"{depth}/checkpoint.json"))
    known = [store.read_checkpoint(path.parent.relative_to(folder).as_posix()) for path in paths]
    played = {c.id: int(_number(c.record.get("rollouts"))) for c in known}
    parents = {c.id: c.parent for c in known}
    here, since = store.read_checkpoint(checkpoint).id, 0
    while here in played:
        since += played[here]
        here = parents[here]
    return {"since_sft": since, "in_all": sum(played.values())}


def practice_row(groups: Sequence[RolloutGroup]) -> Row:
    """In how many of a training's groups none, some and all rollouts succeeded, and the success
    rate (percent) in the first and in the second half of the steps; {} without any group.
    """
    counted = [group for group in groups if group.trials]
    if not counted:
        return {}
    never = sum(group.successes == 0 for group in counted)
    always = sum(group.successes == group.trials for group in counted)
    [course] = courses(counted)
    return {
        "never": never,
        "sometimes": len(counted) - never - always,
        "always": always,
        "first": course.first,
        "second": course.second,
    }


def behaviour_row(episodes: Sequence[Episode], domain: Domain) -> Row:
    """How the agent went about it, in totals over conversations without a fault."""
    counts = [behaviour(e.trajectory, domain) for e in episodes if not e.uncounted]
    return {
        "conversations": len(counts),
        "turns": sum(c.turns for c in counts),
        "tokens": sum(c.tokens for c in counts),
        "calls": sum(c.calls for c in counts),
        "repeated": sum(c.repeated for c in counts),
        "invalid": sum(c.invalid for c in counts),
    }


def mistake_row(diagnoses: Sequence[Diagnosis], task_ids: Sequence[str], domain: Domain) -> Row:
    """How often the agent failed, by what it lacks, by kind of mistake and by place of the task."""
    place = {task_id: str(n) for n, task_id in enumerate(task_ids)}
    records = record_nouns(domain.tools)
    guided = {tool.name for tool in domain.user_tools}
    counts: dict[str, dict[str, Counter[str]]] = {}
    for diagnosis in diagnoses:
        if diagnosis.blame == "agent":
            lacks = capability(diagnosis.kind, records, guided=diagnosis.tool in guided)
            kinds = counts.setdefault(lacks, {})
            kinds.setdefault(diagnosis.kind, Counter())[place[diagnosis.task_id]] += 1
    return {
        lacks: {kind: dict(by_place) for kind, by_place in sorted(kinds.items())}
        for lacks, kinds in sorted(counts.items())
    }


def tag_row(episodes: Sequence[Episode]) -> Row:
    """The places of the tasks that carry a tag, by tag."""
    places: dict[str, list[Json]] = {}
    tags = {episode.task.id: episode.task.tags for episode in episodes}
    for place, task_id in enumerate(tags):
        for tag in tags[task_id]:
            places.setdefault(tag, []).append(place)
    return {tag: places[tag] for tag in sorted(places)}


def _by_pattern(
    store: RunFolder, episodes: Sequence[Episode], diagnoses: Sequence[Diagnosis]
) -> Row:
    known = known_failures(store, 1)
    place = {task_id: str(n) for n, task_id in enumerate(_task_ids(episodes))}
    counts: dict[str, Counter[str]] = {}
    for diagnosis in diagnoses:
        if diagnosis.blame == "agent":
            pattern = assigned(known, diagnosis)
            counts.setdefault(pattern, Counter())[place[diagnosis.task_id]] += 1
    return {pattern: dict(counts[pattern]) for pattern in sorted(counts)}


def _mistakes_by_round(parts: Components, store: RunFolder) -> Row:
    """By round, of those that read validation tasks; {} without a second round."""
    found: Row = {}
    for number in store.rounds("discovery.json"):
        source = evaluation_read(store, number)
        if source.on_split == "validation":
            read = store.read_values(f"rounds/{number}/diagnoses.jsonl", Diagnosis)
            tasks = [task.id for task in evaluation_tasks(store, source)]
            found[str(number)] = mistake_row(read, tasks, parts.domain)
    return found if len(found) > 1 else {}


def _outcomes(episodes: Sequence[Episode]) -> Row:
    marks: dict[str, str] = {}
    for episode in episodes:
        mark = UNCOUNTED if episode.uncounted else str(int(episode.score.success))
        marks[episode.task.id] = marks.get(episode.task.id, "") + mark
    return {"tasks": list(marks), "outcomes": list(marks.values())}


def _task_ids(episodes: Sequence[Episode]) -> list[str]:
    return list(dict.fromkeys(episode.task.id for episode in episodes))


def _point(parts: Components, store: RunFolder, name: str) -> Row:
    found = _outcomes(read_evaluation(store, EvaluationName.of(name, "test")))
    return {"step": store.read_checkpoint(name).record["step"], "outcomes": found["outcomes"]}


def _warm_start(store: RunFolder, checkpoint: str) -> Row:
    warm = ArmName(checkpoint).warm
    return _training(store, warm) if store.has_checkpoint(warm) else {}


def _by_round(store: RunFolder, rounds: Sequence[int]) -> list[Json]:
    return pattern_rows(store, rounds) if len(rounds) > 1 else []


def _picked(row: Json, *keys: str) -> Row:
    return {key: row[key] for key in keys} if isinstance(row, dict) else {}


def _training(store: RunFolder, checkpoint: str) -> Row:
    """The trainer's numbers; of the curve, what plots are made of, with rollouts so far."""
    record = store.read_checkpoint(checkpoint).record
    kept = (
        "steps", "rollouts", "tokens", "seconds", "cpu_seconds", "threads", "loss", "held_out_loss",
        "stopped_because", "proofs",
    )  # fmt: skip
    curve = [point for point in _list(record.get("curve")) if isinstance(point, Mapping)]
    played = accumulate(_number(point.get("rollouts")) for point in curve)
    points: list[Json] = [
        {
            "step": point["step"],
            "rollouts": rollouts,
            "reward": round(_number(point["reward"]), 4),
            "success": round(_number(point["success"]), 4),
        }
        for point, rollouts in zip(curve, played, strict=True)
        if "reward" in point
    ]
    return {**{name: record[name] for name in kept if name in record}, "curve": points}


def _effort(store: RunFolder) -> Row:
    return {"seconds": dict(store.seconds()), "cpu": dict(cpu_seconds(store))}


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _number(value: Json) -> float:
    return value if isinstance(value, int | float) else 0.0
