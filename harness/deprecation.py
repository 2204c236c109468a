"""Turn a use of what will be taken away into a warning that says what to use instead."""

from __future__ import annotations

import warnings


class HarnessDeprecationWarning(DeprecationWarning):
    """Something public is used that a later major version will not have; pytest shows it."""


def deprecated(what: str, *, since: str, instead: str) -> None:
    """Warn that ``what`` is deprecated ``since`` a version, and what to use ``instead``.

    Call it in what is deprecated: a function, a property, an ``__init__``, or a module's
    ``__getattr__`` for a name that moved. The warning names the line that used it.
    """
    warnings.warn(
        f"{what} is deprecated since {since}; use {instead}",
        HarnessDeprecationWarning,
        stacklevel=3,
    )
