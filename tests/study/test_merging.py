"""Results of one study from several files: joined where they can be compared, else refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunError
from harness.study.merging import merge_results
from harness.study.results_file import read_results

RATES = {"sft": 0.5, "targeted": 0.6}


def write(path: Path, document: dict[str, Any], **row: Any) -> Path:
    for one in document["rows"]:
        one.update(row)
    path.write_text(json.dumps(document))
    return path


def only(document: dict[str, Any], *seeds: int, arms: tuple[str, ...] = ()) -> dict[str, Any]:
    rows = [
        row for row in document["rows"] if row["seed"] in seeds and (not arms or row["arm"] in arms)
    ]
    return json.loads(json.dumps({**document, "rows": rows}))  # type: ignore[no-any-return]


@pytest.fixture
def whole(made_up: Any) -> dict[str, Any]:
    found: dict[str, Any] = made_up(RATES, seeds=3)
    return found


def test_seeds_of_two_files_come_to_what_they_come_to_in_one(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    one = write(tmp_path / "one.json", only(whole, 0, 2), start="a")
    other = write(tmp_path / "other.json", only(whole, 1), start="b")
    assert merge_results([other, one], tmp_path / "new" / "all.json") == 9
    found = read_results(tmp_path / "new" / "all.json")
    assert [row.start for row in found.arms["sft"].values()] == ["a", "b", "a"]
    merge_results([one, other], one)
    assert read_results(one) == found


def test_arms_of_a_seed_are_joined_if_they_begin_at_the_same_weights(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    first = write(tmp_path / "a.json", only(whole, 0, arms=("shared", "sft")), start="same")
    same = write(tmp_path / "b.json", only(whole, 0, arms=("targeted",)), start="same")
    assert merge_results([first, same], tmp_path / "out.json") == 3
    assert merge_results([tmp_path / "out.json", same], tmp_path / "out.json") == 3
    for name, start in (("c.json", {"start": "another"}), ("d.json", {})):
        other = write(tmp_path / name, only(whole, 0, arms=("targeted",)), **start)
        with pytest.raises(RunError, match=r"seed 0 of .* begins at another SFT checkpoint"):
            merge_results([first, other], tmp_path / "out.json")


def test_a_turn_with_two_results_is_refused(tmp_path: Path, whole: dict[str, Any]) -> None:
    one = write(tmp_path / "a.json", only(whole, 0), start="same")
    changed = only(whole, 0)
    changed["rows"][-1]["seconds"] = {"train": 1.0}
    other = write(tmp_path / "b.json", changed, start="same")
    with pytest.raises(RunError, match="other results of targeted, seed 0"):
        merge_results([one, other], tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_one_study_may_have_grown_and_no_other_is_joined(
    tmp_path: Path, whole: dict[str, Any]
) -> None:
    one = write(tmp_path / "a.json", only(whole, 0))
    more = only(whole, 1)
    more["study"]["arms"]["new"] = {"trains": "generic"}
    grown = write(tmp_path / "b.json", more)
    for order in ([one, grown], [grown, one]):
        merge_results(order, tmp_path / "out.json")
        assert "new" in read_results(tmp_path / "out.json").study.arms
    more["study"]["settings"] = {**more["study"]["settings"], "test_tasks": 7}
    other = write(tmp_path / "c.json", more)
    with pytest.raises(RunError, match="are of different studies: settings differ"):
        merge_results([one, other], tmp_path / "out.json")
