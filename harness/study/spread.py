"""Turn arms that are tested on several domains into an arm for each, in the values of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness.assembly.config import merged
from harness.errors import ConfigError

TESTS_ON = "tests_on"

Table = Mapping[str, Any]

Places = Mapping[str, Mapping[str, str]]
"""By arm, and by domain that its policy is tested on, the arm that does it."""


def spread(study: Table, shared: str, where: str) -> dict[str, Any]:
    """The study with an arm "NAME-on-DOMAIN" after each arm for the domains it ``tests_on`` besides
    its own. Two such arms are compared on each domain that both are tested on.

    ``shared``: the start of arms that name none. Raises ``ConfigError`` where ``tests_on`` is no
    list of names.
    """
    given = study.get("arms")
    arms = given if isinstance(given, Mapping) else {}
    places = {
        name: _places(study, name, arm, shared, where)
        for name, arm in arms.items()
        if isinstance(arm, Mapping) and TESTS_ON in arm
    }
    if not places:
        return dict(study)
    found: dict[str, Any] = {}
    for name, arm in arms.items():
        found[name] = {k: v for k, v in arm.items() if k != TESTS_ON} if name in places else arm
        for domain, other in places.get(name, {}).items():
            if other != name:
                found[other] = _tested(name, arm, domain)
    return {**study, "arms": found, "comparisons": list(_compared(study, places))}


def _places(study: Table, name: str, arm: Table, shared: str, where: str) -> dict[str, str]:
    domains = arm[TESTS_ON]
    if not isinstance(domains, list | tuple) or not all(isinstance(one, str) for one in domains):
        raise ConfigError(
            f"[arms.{name}] in {where}: tests_on is {domains!r}, not a list of names",
            hint='Name domains: tests_on = ["retail", "airline"].',
        )
    home = _home(study, arm, shared)
    return {home: name, **{d: f"{name}-on-{d}" for d in domains if d != home}}


def _home(study: Table, arm: Table, shared: str) -> str:
    """The domain that the arm's settings name, or else its start's, or else the study's."""
    starts = study.get("starts")
    start = starts.get(arm.get("begins", shared)) if isinstance(starts, Mapping) else None
    layers = [layer for layer in (arm, start, study) if isinstance(layer, Mapping)]
    tables = [layer.get("settings") for layer in layers]
    named = [table.get("domain") for table in tables if isinstance(table, Mapping)]
    return next((str(domain) for domain in named if domain), "")


def _tested(name: str, arm: Table, domain: str) -> dict[str, Any]:
    kept = {key: arm[key] for key in ("begins", "group", "seeds") if key in arm}
    return {
        **kept,
        "label": f"{arm.get('label') or name}, on {domain}",
        "start": "after",
        "after": name,
        "settings": merged(arm.get("settings", {}), {"domain": domain}),
    }


def _compared(study: Table, places: Places) -> Iterator[Any]:
    given = study.get("comparisons", ())
    for one in given if isinstance(given, list | tuple) else ():
        pair = [one.get("arm"), one.get("against")] if isinstance(one, Mapping) else []
        spread_out = [places[name] for name in pair if isinstance(name, str) and name in places]
        if len(spread_out) < 2:
            yield one
            continue
        mine, theirs = spread_out
        for domain in mine:
            if domain in theirs:
                yield {**one, "arm": mine[domain], "against": theirs[domain]}
