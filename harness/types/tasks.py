"""What a conversation is to be about: tasks, where they come from, recipes for generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from harness.types.messages import Json, ToolCall
from harness.types.scenario import Scenario

Split = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a synthesised task comes from: the lineage back to the failure that asked for it.

    ``trajectory_id`` and ``parent_task_id`` are the failure it was made for, ``exemplars`` all
    failures that the injector looked at. ``version`` is that of the injector and of its prompts.
    ``source`` are the calls of the successful trajectory that it was written from. ``feature`` is
    what was woven in, ``level`` how hard the rest was meant to be, in the injector's words.
    ``mutation`` names what made it out of the task ``mutated_from``, if it is a harder form of
    another one.
    """

    round: int
    pattern_id: str
    injector: str
    trajectory_id: str
    parent_task_id: str
    seed: int
    version: str = ""
    exemplars: tuple[str, ...] = ()
    source: tuple[ToolCall, ...] = ()
    feature: str = ""
    level: str = ""
    mutated_from: str = ""
    mutation: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One conversation to run, and what must be true at its end.

    ``world`` is all the domain needs to rebuild the starting state (a database name, a seed, or the
    state itself). ``gold`` are the calls whose effect on a fresh world is the wanted effect.
    ``communicate`` are strings the agent must have said. ``tags`` name the features it was made
    with.
    """

    id: str
    domain: str
    split: Split
    scenario: Scenario
    world: Mapping[str, Json]
    gold: tuple[ToolCall, ...] = ()
    communicate: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """Something a domain's generator can weave into a task on purpose.

    ``provokes`` are the mistake kinds (see ``Diagnosis.kind``) that tasks with this feature invite.
    """

    name: str
    description: str
    provokes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a generator is asked for: the split whose id space to use, and features with their
    weights.

    Weights are relative (unitless, >= 0); ``required`` features are in every task. ``requests`` is
    how many things the customer wants (0: as it comes); ``plain``: nothing makes the task harder
    but what is required; ``without`` are features that it is best without, as far as the records
    allow; ``about`` are names in the records that it is best about: a domain may leave these four
    out of account. An empty recipe is the domain's default mix.
    """

    split: Split = "train"
    weights: Mapping[str, float] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    requests: int = 0
    plain: bool = False
    without: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
