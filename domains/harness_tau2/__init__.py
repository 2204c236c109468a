"""What official τ²-bench domains share: file formats, official data and the official grade.

A library for domains, too: a domain that offers its official tasks builds on ``Tau2Domain`` and
imports whatever else it needs from here. Nothing here imports a domain.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import TrajectoryFormat


@hookimpl
def harness_formats() -> Mapping[str, Factory[TrajectoryFormat]]:
    from harness_tau2.formats import results_format
    from harness_tau2.submission import submission_format
    from harness_tau2.task_files import tasks_format

    return {"tau2": results_format, "tau2-tasks": tasks_format, "submission": submission_format}
