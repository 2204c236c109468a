"""There are seeded-bad plugins of every kind, and the kit's table counts what it finds in them."""

from pathlib import Path

import pytest

from harness.assembly.registry import KINDS
from tests.contracts.seeded_plugins import finds, seeded_plugins
from tests.test_docs import imported

kit = imported(Path(__file__).parents[2] / "benchmarks" / "kit.py")
QUICK = ("reward term", "executor", "observer", "judge", "probe")


def test_every_kind_has_a_sound_plugin_and_three_broken_ones_at_least() -> None:
    seeded = seeded_plugins()
    assert [*seeded] == [*KINDS]
    for kind, found in seeded.items():
        assert len(found.sound) >= 1, kind
        assert len(found.broken) >= 3, kind


@pytest.mark.parametrize("kind", QUICK)
def test_broken_plugins_are_found_by_the_words_of_their_flaw_and_sound_ones_pass(
    kind: str, tmp_path: Path
) -> None:
    seeded = seeded_plugins()[kind]
    assert not finds(seeded, seeded.sound[0], "", tmp_path)
    assert not finds(seeded, seeded.broken[0][0], "words of another flaw", tmp_path)
    row = kit.seeded_row(kind, seeded)
    assert (row["caught"], row["missed"]) == (row["bad"], [])
    assert row["false_alarms"] == []


def test_the_table_counts_built_ins_by_kind_and_names_what_is_not_checked() -> None:
    verdicts = [
        kit.Verdict(kind="executor", name="a", plugin="p", state="passes", seconds=1.0),
        kit.Verdict(kind="executor", name="b", plugin="p", state="broken", seconds=2.0),
        kit.Verdict(kind="executor", name="c", plugin="p", state="not checked", reason="a cluster"),
    ]
    row = kit.built_in_row("executor", verdicts)
    assert (row["built_in"], row["passing"]) == (2, 1)
    assert row["broken"] == ["b"]
    assert row["not_checked"] == {"c": "a cluster"}
    assert row["seconds"] == 1.5
    seeded = {"kind": "executor", "bad": 3, "caught": 2, "missed": ["OneByOne"], "sound": 1,
              "false_alarms": []}  # fmt: skip
    assert "| executor | 2 / 3 | 1 / 2 | 1 | 1.50 |" in kit.markdown([{**seeded, **row}])
