from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from harness.llm.roles import open_registry
from harness.protocols import Conversation, Settings
from harness.types import Json
from harness_local.opening import Options, open_model
from harness_local.pretraining import RECORD, Student, pretrain, talks
from harness_local.tiny import Shape


def test_neighbouring_talks_are_of_different_businesses() -> None:
    episodes = list(islice(talks(range(12), seed=0), 12))
    assert len({episode.task.world["business"] for episode in episodes}) == 12
    assert all(episode.score.success for episode in episodes)


def test_talks_end_when_the_businesses_do() -> None:
    assert 8 <= len(list(talks(range(2), seed=0))) <= 16


def test_each_talk_is_written_with_the_tools_of_its_own_business(tiny_folder: Path) -> None:
    student = open_model(str(tiny_folder), Options(), name="tiny", kind=Student)
    plain = open_model(str(tiny_folder), Options(), name="tiny")
    (episode,) = islice(talks(range(1), seed=0), 1)
    own, other = (open_registry().make("domain", f"invented:{n}", Settings()) for n in (0, 1))
    talk = Conversation(
        id="a", domain=other, task=episode.task, messages=episode.trajectory.messages
    )
    written = student.encode(talk).ids.tolist()
    assert written == plain.encode(replace(talk, domain=own)).ids.tolist()
    assert written != plain.encode(talk).ids.tolist()


@pytest.mark.slow
def test_a_short_run_leaves_a_model_and_its_record(tmp_path: Path) -> None:
    options: dict[str, Json] = {"max_steps": 2, "batch_size": 2, "threads": 1, "eval_steps": 1}
    shape = Shape(hidden=32, feedforward=48, layers=2, heads=2, vocabulary=700)
    pretrain(tmp_path / "out", tmp_path / "work", shape, options, seed=0)
    open_model(str(tmp_path / "out"), Options(), name="tiny")
    record = json.loads((tmp_path / "out" / RECORD).read_text())
    assert record["training"]["steps"] == 2
    assert record["shape"]["hidden"] == 32
