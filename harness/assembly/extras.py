"""Optional dependencies: whether they are installed, without importing them."""

from __future__ import annotations

from importlib.util import find_spec

from harness.errors import MissingExtra

DISTRIBUTION = "errata-harness"


def need(who: str, *modules: str, extra: str) -> None:
    """Raise ``MissingExtra``, with the line that installs our ``extra``, if a module is missing."""
    if missing := [name for name in modules if find_spec(name) is None]:
        raise MissingExtra(
            f"{who} needs {' and '.join(missing)}",
            hint=f"Install it with: pip install '{DISTRIBUTION}[{extra}]'",
        )
