"""Customer support of a mobile carrier, after τ²-bench telecom: the user acts on its own phone."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Domain


@hookimpl
def harness_domains() -> Mapping[str, Factory[Domain]]:
    from harness_telecom.domain import telecom_domain
    from harness_telecom.official import tau2_telecom, tau2_telecom_workflow

    return {
        "telecom": telecom_domain,
        "tau2-telecom": tau2_telecom,
        "tau2-telecom-workflow": tau2_telecom_workflow,
    }
