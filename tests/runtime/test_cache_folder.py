"""One folder for all that can be made again, wherever the user wants it."""

from pathlib import Path

import pytest

from harness.llm.cache import default_file
from harness.runtime.cache_folder import cache_folder


def test_it_is_the_projects_own_in_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HARNESS_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert cache_folder() == Path("/caches/errata-harness")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert cache_folder() == Path("/home/ada/.cache/errata-harness")


def test_another_one_is_chosen_for_everything_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from harness_smollm2.places import converted_path

    monkeypatch.setenv("HARNESS_CACHE_DIR", "/elsewhere")
    assert cache_folder() == default_file().parent == converted_path().parent == Path("/elsewhere")
