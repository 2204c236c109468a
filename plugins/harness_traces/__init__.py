"""Conversations of agents that no domain knows: how their files are read, the domain that they have
while they are looked at, and a judge by rules that need no domain.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Domain, Judge, TrajectoryFormat


@hookimpl
def harness_domains() -> Mapping[str, Factory[Domain]]:
    from harness_traces.domain import recorded_domain

    return {"recorded": recorded_domain}


@hookimpl
def harness_judges() -> Mapping[str, Factory[Judge]]:
    from harness_traces.judge import conduct_judge

    return {"conduct": conduct_judge}


@hookimpl
def harness_formats() -> Mapping[str, Factory[TrajectoryFormat]]:
    from harness_traces.chat_lines import chat_format
    from harness_traces.inspect_logs import inspect_format
    from harness_traces.spans import spans_format
    from harness_traces.verifiers_results import verifiers_format

    return {
        "openai-chat": chat_format,
        "inspect-log": inspect_format,
        "verifiers": verifiers_format,
        "otel": spans_format,
    }
