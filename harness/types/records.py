"""What stays behind: recordings of conversations, and references to trained weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.types.failures import Diagnosis
from harness.types.messages import Json, Tool
from harness.types.tasks import Task
from harness.types.trajectories import Episode


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Conversations as a file holds them, with all that it takes to grade them again.

    ``domain`` is the name of the domain that can replay them, "" if the file knows of none: then
    ``tools`` are those that it declares, and ``originals`` hold what a record says besides its
    conversation. ``about`` is what the file says of itself as a whole (agent, user, limits,
    versions). ``originals`` are the file's own records by trajectory id: what the values here
    cannot express survives in them. ``policy`` is the domain's policy text, "" where
    it is not at hand.
    """

    domain: str
    tasks: tuple[Task, ...]
    episodes: tuple[Episode, ...]
    diagnoses: tuple[Diagnosis, ...] = ()
    about: Mapping[str, Json] = field(default_factory=dict)
    originals: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    policy: str = ""
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A reference to weights: ``path`` is a Hugging Face folder (or a hub id), ``policy`` the name
    that samples it.

    ``parent`` is the id of the checkpoint it was trained from, ``trained_on`` what it was trained
    on, in words; ``record`` holds the trainer's own numbers (steps, losses, seconds).
    ``digests`` are the SHA-256 of the files in ``path``, as far as known; kept only where the run
    folder holds them.
    """

    id: str
    policy: str
    path: str
    parent: str = ""
    trained_on: str = ""
    record: Mapping[str, Json] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
