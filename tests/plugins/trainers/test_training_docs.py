"""The training guide against the code: every option with its default, every key of the curve."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.protocols import TrainingJob
from harness_grpo.options import Options as GrpoOptions
from harness_grpo.trainer import GrpoTrainer
from harness_sft.options import Options as SftOptions

GUIDE = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return re.split(rf"^## {title}$", GUIDE, flags=re.MULTILINE)[1].partition("\n## ")[0]


def written(value: object) -> str:
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value))


@pytest.mark.parametrize(("title", "options"), [("SFT", SftOptions()), ("GRPO", GrpoOptions())])
def test_options_stand_in_the_guide_with_their_defaults(title: str, options: Any) -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| ([^|`]+) \|", section(title).partition("###")[0], flags=re.MULTILINE
    )
    known = {name: default for name, default in rows if name in asdict(options)}
    assert known == {name: written(value) for name, value in asdict(options).items()}


def test_all_that_is_logged_stands_in_the_guide(job: Callable[..., TrainingJob]) -> None:
    options = GrpoOptions(max_steps=1, tasks_per_step=2, num_generations=4)
    final = GrpoTrainer(options).train(job())["final"]
    assert isinstance(final, dict)
    logged = {re.sub("^(term|behaviour)/.*", r"\1/NAME", key) for key in final} - {"step"}
    listed = set(re.findall(r"`([\w/]+)`(?=[,\s`\w/]*\|)", GUIDE.partition("What is logged")[2]))
    assert logged <= listed
