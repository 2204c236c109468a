"""SmolLM2, a language model of 135 million parameters, as a policy in this process."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Policy, Settings


@hookimpl
def harness_policies() -> Mapping[str, Factory[Policy]]:
    return {"smollm2": _smollm2}


def _smollm2(settings: Settings) -> Policy:
    from harness.assembly.registry import PATH
    from harness.llm.roles import open_registry
    from harness_smollm2.places import converted_folder

    path = settings.checkpoint.path if settings.checkpoint else str(converted_folder())
    return open_registry().make("policy", f"{PATH}:{path}", settings)
