"""What is installed: plugins and their names, extension points, optional dependencies, the
machine.
"""

from __future__ import annotations

import inspect
import os
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from harness import hookspecs
from harness.assembly.components import Components
from harness.assembly.entry_points import LEFT_OUT
from harness.assembly.extras import DISTRIBUTION
from harness.assembly.registry import KINDS, Registry
from harness.errors import HarnessError
from harness.protocols import RangedTerm
from harness.types import Json

_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)(\[(?P<extras>[\w.-]+)\])?.*;.*extra == ['\"](?P<extra>[\w.-]+)['\"]"
)


def installed() -> list[dict[str, str]]:
    """A row per plugin: name, distribution, version, what it offers, and its error if it is
    broken.
    """
    registry = Registry()
    clashing = {
        registry.offers[kind][name].plugin: words
        for (kind, name), words in registry.clashes.items()
    }
    rows = []
    for plugin in registry.plugins:
        offers = [
            f"{kind} {name}"
            for kind, names in registry.offers.items()
            for name, offer in names.items()
            if offer.plugin == plugin.key
        ]
        rows.append(
            {
                "plugin": plugin.name,
                "distribution": plugin.distribution,
                "version": plugin.version,
                "offers": ", ".join(offers),
                "error": plugin.error or clashing.get(plugin.key, ""),
            }
        )
    return rows


def extension_points() -> list[dict[str, str]]:
    """A row per hook: its kind, its name, the first sentence of its documentation."""
    rows = []
    for kind, hook in KINDS.items():
        text = inspect.getdoc(getattr(hookspecs, hook)) or ""
        rows.append({"kind": kind, "hook": hook, "offers": _first_sentence(text)})
    return rows


def reward_terms(parts: Components) -> list[dict[str, Json]]:
    """A row per reward term on offer, those with a weight first: its name, plugin, weight (0: off)
    and range, what its value is and what it stops, in its own words.
    """
    weights = parts.config.rewards
    rows: list[dict[str, Json]] = []
    for name, offer in parts.registry.offers["reward term"].items():
        term = parts.reward_term(name)
        value, *others = (inspect.getdoc(offer.factory) or "").split("\n\n")
        stops = next((text for text in others if text.startswith("Stops")), "\n\n".join(others))
        low, high = (term.low, term.high) if isinstance(term, RangedTerm) else (-1.0, 1.0)
        rows.append(
            {
                "name": name,
                "plugin": offer.plugin,
                "weight": weights.get(name, 0.0),
                "low": low,
                "high": high,
                "value": _flowing(value),
                "stops": _flowing(stops),
            }
        )
    return sorted(rows, key=lambda row: not row["weight"])


def checks() -> list[dict[str, str]]:
    """A row per check: what, state ("good", "missing" or "broken"), and what to do."""
    return [*_machine(), *_extras(), *_plugins()]


def _first_sentence(text: str) -> str:
    return _flowing(text.partition("\n\n")[0])


def _flowing(text: str) -> str:
    return " ".join(text.split()).replace("``", "")


def _machine() -> list[dict[str, str]]:
    free = shutil.disk_usage(".").free / 2**30
    python = platform.python_version()
    return [
        _row("Python", "good" if sys.version_info >= (3, 11) else "broken", f"{python}"),
        _row("cores", "good", f"{os.cpu_count()}"),
        _row("free disk", "good" if free > 1 else "broken", f"{free:.1f} GiB here"),
    ]


def _extras() -> list[dict[str, str]]:
    lines = requires(DISTRIBUTION) or ()
    extras = metadata(DISTRIBUTION).get_all("Provides-Extra") or ()
    rows = []
    for extra in sorted({*extras} - {"dev"}):
        found = {name: _version(name) for name in _needed(lines, extra)}
        missing = [name for name, number in found.items() if not number]
        there = ", ".join(f"{name} {number}" for name, number in found.items())
        hint = f"pip install '{DISTRIBUTION}[{extra}]' (for {', '.join(missing)})"
        state, detail = ("missing", hint) if missing else ("good", there)
        rows.append(_row(f"extra {extra}", state, detail))
    return rows


def _needed(lines: Sequence[str], extra: str) -> list[str]:
    """The packages of an extra; of one that includes another, those of both."""
    names: dict[str, None] = {}
    for line in lines:
        found = _REQUIREMENT.match(line)
        if found is None or found["extra"] != extra:
            continue
        if found["name"] == DISTRIBUTION:
            names |= dict.fromkeys(_needed(lines, found["extras"]))
        else:
            names[found["name"]] = None
    return [*names]


def _plugins() -> list[dict[str, str]]:
    try:
        found = installed()
    except HarnessError as error:
        return [_row("plugins", "broken", f"{error} {error.hint}")]
    return [_row(f"plugin {row['plugin']}", _state(row["error"]), row["error"]) for row in found]


def _state(error: str) -> str:
    if error == LEFT_OUT:
        return "missing"
    return "broken" if error else "good"


def _row(check: str, state: str, detail: str) -> dict[str, str]:
    return {"check": check, "state": state, "detail": detail}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
