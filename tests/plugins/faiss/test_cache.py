from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import RunError
from harness_faiss import cache as module
from harness_faiss.cache import VectorCache


class Maker:
    """Embeds a text as its length and counts what it was asked for."""

    def __init__(self, fail_after: int = 1_000_000) -> None:
        self.asked: list[str] = []
        self.fail_after = fail_after

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(self.asked) >= self.fail_after:
            raise KeyboardInterrupt
        self.asked += texts
        return np.asarray([[len(text), 1.0] for text in texts], dtype=np.float32)


def test_a_text_is_embedded_once_for_all_processes(tmp_path: Path) -> None:
    make = Maker()
    texts = ["a", "bb", "a", "ccc"]
    first = VectorCache(tmp_path).vectors("v1", texts, make=make)
    again = VectorCache(tmp_path).vectors("v1", [*texts, "dddd"], make=make)
    assert first.tolist() == [[1, 1], [2, 1], [1, 1], [3, 1]]
    assert again[:4].tolist() == first.tolist()
    assert sorted(make.asked) == ["a", "bb", "ccc", "dddd"]


def test_another_model_has_vectors_of_its_own(tmp_path: Path) -> None:
    make = Maker()
    cache = VectorCache(tmp_path)
    cache.vectors("v1", ["a"], make=make)
    cache.vectors("v2", ["a"], make=make)
    assert make.asked == ["a", "a"]


def test_an_interruption_loses_one_batch_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 4)
    texts = ["x" * n for n in range(1, 21)]
    with pytest.raises(KeyboardInterrupt):
        VectorCache(tmp_path).vectors("v", texts, make=Maker(fail_after=8))
    make = Maker()
    found = VectorCache(tmp_path).vectors("v", texts, make=make)
    assert found[:, 0].tolist() == list(range(1, 21))
    assert len(make.asked) == 12


def test_a_torn_row_is_left_out_and_written_over(tmp_path: Path) -> None:
    VectorCache(tmp_path).vectors("v", ["a", "bb"], make=Maker())
    [file] = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    make = Maker()
    found = VectorCache(tmp_path).vectors("v", ["a", "bb", "ccc"], make=make)
    assert found[:, 0].tolist() == [1, 2, 3]
    assert sorted(make.asked) == ["bb", "ccc"]
    assert VectorCache(tmp_path).vectors("v", ["ccc"], make=Maker())[0, 0] == 3


def test_a_folder_that_cannot_be_written_is_an_error_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot keep embeddings") as refused:
        VectorCache(tmp_path / "file").vectors("v", ["a"], make=Maker())
    assert "cache" in refused.value.hint


def test_odd_texts_are_told_apart(tmp_path: Path) -> None:
    make = Maker()
    VectorCache(tmp_path).vectors("v", ["", "\ud800", "x" * 100_000, "日本"], make=make)
    assert len(make.asked) == 4
