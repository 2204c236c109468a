"""The official τ²-bench tasks, databases and policies, for users who have them, on our engine."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Domain, TrajectoryFormat


@hookimpl
def harness_domains() -> Mapping[str, Factory[Domain]]:
    from harness_tau2.retail import tau2_retail

    return {"tau2-retail": tau2_retail}


@hookimpl
def harness_formats() -> Mapping[str, Factory[TrajectoryFormat]]:
    from harness_tau2.formats import results_format
    from harness_tau2.submission import submission_format
    from harness_tau2.task_files import tasks_format

    return {"tau2": results_format, "tau2-tasks": tasks_format, "submission": submission_format}
