"""Sampling a policy from vLLM: a server that the run starts and owns, or replicas by address."""

from __future__ import annotations

from collections.abc import Mapping

from harness.assembly.extras import need
from harness.hookspecs import Factory, hookimpl
from harness.protocols import Policy, Settings


@hookimpl
def harness_policies() -> Mapping[str, Factory[Policy]]:
    return {"vllm": _policy}


def _policy(settings: Settings) -> Policy:
    need("the policy 'vllm'", "httpx", "transformers", extra="vllm")
    from harness_vllm.opening import vllm_policy

    return vllm_policy(settings)
