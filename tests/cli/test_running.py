"""What commands say on stderr beside their report."""

import warnings

import pytest

from harness.cli.running import folder_warnings
from harness.errors import FolderWarning


def test_damage_that_is_found_twice_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    with folder_warnings():
        for message in ("a line is torn", "a file is missing", "a line is torn"):
            with warnings.catch_warnings():  # as libraries do, and Python then forgets what it said
                warnings.simplefilter("ignore", DeprecationWarning)
            warnings.warn(message, FolderWarning, stacklevel=1)
    said = capsys.readouterr().err.splitlines()
    assert said == ["warning: a line is torn", "warning: a file is missing"]
