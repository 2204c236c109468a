"""The commands that are killed, how each goes on, and the settings that they run with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LOOP = """
seed = {seed}
domain = "weather"
policy = "pupil"
sft_trainer = "lessons"
trainer = "drill"
validation_tasks = 12
validation_trials = 1
test_tasks = 2
test_trials = 1
targeted_tasks = 2
held_out_demonstrations = 1
easy_demonstrations = 0.0
control = "generic"
warm_start = true
keep_every = 1

[{settings}options.admission]
rollouts_per_task = 2
"""
STUDY = """
title = "Kills"
seeds = [{seed}]

[settings]
preset = "quick"
{settings}

[arms.sft]

[arms.targeted]
trains = "targeted"

[[comparisons]]
arm = "targeted"
against = "sft"
"""

Words = Sequence[object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Station:
    """A command, how it goes on once it was killed, and the commands that come before it.

    ``once``: a second time it adds more, so that it goes on only where nothing has happened.
    """

    name: str
    words: Words
    resumed: Words = ()
    before: Sequence[str] = ()
    once: bool = False


RUN, SEED, TASK = "run", "SEED", "TASK"
"""The run folder, and what stands in commands for the seed and for the first task that was made."""
STATIONS = (
    Station(
        name="loop",
        words=["loop", "--preset", "quick", "--config", "loop.toml", "--out", RUN],
        resumed=["loop", "--resume", RUN, "--json"],
    ),
    Station(
        name="eval",
        words=["eval", "--domain", "weather", "--policy", "noisy:0.9", "--tasks", 8,
               "--trials", 1, "--split", "validation", "--seed", SEED, "--out", RUN],
        resumed=["eval", "--resume", RUN],
    ),
    Station(name="discover", words=["discover", RUN], before=["eval"]),
    Station(name="discover again", words=["discover", RUN, "--again"],
            before=["eval", "discover"], once=True),
    Station(name="inject", words=["inject", RUN, "--count", 2], before=["eval", "discover"]),
    Station(name="inject again", words=["inject", RUN, "--count", 2, "--again"],
            before=["eval", "discover", "inject"], once=True),
    Station(name="veto", words=["tasks", RUN, "--veto", "TASK"],
            before=["eval", "discover", "inject"], once=True),
    Station(name="train again", words=["train", RUN, "--again"], resumed=["train", RUN],
            before=["loop"]),
    Station(name="import", words=["import", "tau2", "recording.json", "--out", "imported"],
            before=["talk", "record"],
            once=True),
    Station(name="export to a file",
            words=["export", RUN, "--format", "tau2", "--out", "out/file.json"], before=["talk"]),
    Station(name="export to a folder",
            words=["export", RUN, "--format", "tau2", "--out", "out/folder"], before=["talk"],
            once=True),
    Station(name="study", words=["study", "run", "study.toml", "--out", "study", "--trust"]),
    Station(name="ablate", words=["ablate", RUN, "--train", "--seeds", 1, "--only", "task_success",
                                  "--out", "ablation", "--trust"],
            before=["loop"]),
)  # fmt: skip

TALK = Station(
    name="talk",
    words=["eval", "--domain", "retail", "--policy", "noisy:0.5", "--tasks", 3, "--seed", SEED,
           "--out", RUN],
)  # fmt: skip
RECORD = Station(
    name="record", words=["export", RUN, "--format", "tau2", "--out", "recording.json"]
)
