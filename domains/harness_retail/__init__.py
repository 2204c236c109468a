"""Customer support of an online shop, after τ²-bench retail: cancel, return, exchange, modify."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Domain


@hookimpl
def harness_domains() -> Mapping[str, Factory[Domain]]:
    from harness_retail.domain import retail_domain
    from harness_retail.official import tau2_retail

    return {"retail": retail_domain, "tau2-retail": tau2_retail}
