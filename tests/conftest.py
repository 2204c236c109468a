"""What tests of several folders share: one profile of hypothesis, and a distribution that offers
the file format `plain`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# A deadline is of the clock, which on a busy machine says nothing about the code.
settings.register_profile("patient", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=6_700)
settings.load_profile("patient")

SOURCE = """
from harness.hookspecs import hookimpl
from harness.testing import PlainFormat


@hookimpl
def harness_formats():
    return {"plain": lambda settings: PlainFormat()}
"""


@pytest.fixture(scope="session")
def plain_distribution(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip would leave it."""
    site = tmp_path_factory.mktemp("plain")
    (site / "harness_plain.py").write_text(SOURCE)
    info = site / "harness_plain-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: harness-plain\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[harness]\nplain = harness_plain\n")
    return site


@pytest.fixture
def plain_format(plain_distribution: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The format is installed for this test; the value is its name."""
    monkeypatch.syspath_prepend(str(plain_distribution))
    return "plain"


@pytest.fixture(scope="session", autouse=True)
def own_state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests' user agrees to is not what the user of this machine agrees to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield
