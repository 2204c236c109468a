"""Turn the recorded reward of a simulation into a grade, and a grade into a reward record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import isfinite

from harness.types import Episode, Grade, Json
from harness_tau2.criteria import BASES, COMPLETE
from harness_tau2.recorded_checks import contradiction
from harness_tau2.wire import Object, as_object, at, entries, fields, need, need_number, text

NO_REWARD = "whether the task was done: the file records no reward"
"""What is left to be judged where the file has no verdict."""

_TOLERANCE = 1e-6


def read_grade(raw: Object, task: Object) -> tuple[Grade, float]:
    """What the simulation ``raw`` records of the official ``task``: the grade, and the reward
    (unitless).

    Success is a reward of 1. A simulation without reward, or whose reward is no finite number, is
    left unjudged. ``contradicted`` says where its checks are of another task. Raises ``Misfit``.
    """
    if raw.get("reward_info") is None:
        return Grade(success=False, unjudged=(NO_REWARD,)), 0.0
    info = need(raw, "reward_info", dict)
    with at("reward_info"):
        parts, missing = _parts(info), _unsaid(info)
        other = contradiction(info, task)
        reward = _finite(info, "reward")
        if reward is None:
            grade = Grade(success=False, parts=parts, unsaid=missing, unjudged=(NO_REWARD,))
            return replace(grade, contradicted=other), 0.0
        grade = Grade(success=_is_one(reward), parts=parts, unsaid=missing, contradicted=other)
        return grade, reward


def write_grade(episode: Episode) -> dict[str, Json] | None:
    """The reward record of an episode; None if nobody could grade it.

    Only a reward that is the product of its parts has a breakdown; else a note says how it came to
    nothing.
    """
    if episode.grade.unjudged and not episode.trajectory.is_fault:
        return None
    grade, ended = episode.grade, episode.trajectory.ended
    reward = 1.0 if grade.success else 0.0
    parts = _official_parts(episode)
    if ended not in COMPLETE or all(parts.values()) != grade.success:
        return {"reward": reward, "info": {"note": f"The conversation ended by {ended}."}}
    basis: list[Json] = list(parts)
    return {
        "reward": reward,
        "db_check": {"db_match": parts["DB"], "db_reward": float(parts["DB"])}
        if "DB" in parts
        else None,
        "communicate_checks": _communicate_checks(episode) if "COMMUNICATE" in parts else None,
        "reward_basis": basis,
        "reward_breakdown": {name: float(holds) for name, holds in parts.items()},
    }


def _parts(info: Object) -> dict[str, bool]:
    breakdown = fields(info, "reward_breakdown")
    rewards = {basis: _finite(breakdown, basis) for basis in breakdown}
    parts = {basis: _is_one(found) for basis, found in rewards.items() if found is not None}
    if "DB" not in parts and "DB" in entries(info, "reward_basis") and info.get("db_check"):
        check = as_object(info["db_check"], "db_check")
        parts["DB"] = need(check, "db_match", bool)
    return parts


def _unsaid(info: Object) -> tuple[str, ...]:
    checks = entries(info, "communicate_checks")
    found = (as_object(check, f"communicate_checks[{n}]") for n, check in enumerate(checks))
    return tuple(text(check, "info") for check in found if check.get("met") is False)


def _official_parts(episode: Episode) -> Mapping[str, bool]:
    grade = episode.grade
    named = {name: holds for name, holds in grade.parts.items() if name in BASES}
    return named or {"DB": grade.wanted == grade.actual, "COMMUNICATE": not grade.unsaid}


def _communicate_checks(episode: Episode) -> list[Json]:
    unsaid = episode.grade.unsaid
    return [
        {
            "info": info,
            "met": info not in unsaid,
            "justification": f"{'No' if info in unsaid else 'A'} message of the agent contains it.",
        }
        for info in episode.task.communicate
    ]


def _finite(raw: Object, key: str) -> float | None:
    """The number under a required key; None for null, nan and the infinities, which say nothing."""
    if key in raw and raw[key] is None:
        return None
    number = need_number(raw, key)
    return number if isfinite(number) else None


def _is_one(reward: float) -> bool:
    return abs(reward - 1) <= _TOLERANCE
