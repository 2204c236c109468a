"""Two uninterrupted runs of one seed, with the real trainer of SFT and a budget in steps."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.llm.roles import open_registry
from harness.loop import bootstrap, imitate
from harness.run_folder import RunFolder

CLOCK = re.compile(rb'"(seconds|cpu_seconds|tokens_per_second)": ?[0-9.]+')
FLAGS: Mapping[str, object] = {
    "domain": "retail", "policy": "tiny", "executor": "asyncio", "held_out_demonstrations": 2,
    "options": {
        "sft": {"cpu_seconds": "none", "max_steps": 2, "batch_size": 2},
    },
}  # fmt: skip


def trained(folder: Path) -> dict[str, bytes]:
    """All files of a run up to SFT, without what the clock says, and what is made of that."""
    config = load_config(preset="quick", flags=FLAGS)
    parts, store = Components(config, open_registry()), RunFolder.create(folder, config.plain())
    bootstrap(parts, store)
    imitate(parts, store)
    return dict(_files(folder))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name != "timings.jsonl" and not name.startswith("done/"):
            yield name, CLOCK.sub(b"", path.read_bytes())


def test_two_trainings_with_a_budget_in_steps_leave_the_same_bytes(tmp_path: Path) -> None:
    first, second = trained(tmp_path / "a"), trained(tmp_path / "b")
    assert any(name.endswith(".safetensors") for name in first)
    assert [name for name in first if first[name] != second.get(name)] == []
    assert set(first) == set(second)
