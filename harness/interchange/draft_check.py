"""Turn a drafted domain package into the kit's verdict on it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
from importlib import import_module
from harness.testing import check_domain
try:
    check_domain(import_module(f"harness_{sys.argv[2]}.domain").DraftDomain())
except AssertionError as error:
    print(error)
"""


def verdict_on_draft(folder: Path, name: str) -> str:
    """What of the contract the draft does not keep, as the kit says it; "" if it keeps it.

    It runs in a process of its own: the package is not installed here.
    """
    done = subprocess.run(
        [sys.executable, "-c", _CHECK, str(folder), name],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if done.stdout.strip() else (lines[-1] if done.returncode else "")
