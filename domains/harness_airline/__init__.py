"""Customer support of an airline, after τ²-bench airline: book, change, cancel, compensate."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Domain


@hookimpl
def harness_domains() -> Mapping[str, Factory[Domain]]:
    from harness_airline.domain import airline_domain
    from harness_airline.official import tau2_airline

    return {"airline": airline_domain, "tau2-airline": tau2_airline}
