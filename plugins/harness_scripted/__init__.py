"""Offer plugins that need no model: a user simulator, teachers, a judge and a task injector."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Judge, Policy, TaskInjector, UserSimulator


@hookimpl
def harness_user_simulators() -> Mapping[str, Factory[UserSimulator]]:
    from harness_scripted.faulty import faulty_user
    from harness_scripted.user import scripted_user

    return {"scripted": scripted_user, "faulty": faulty_user}


@hookimpl
def harness_policies() -> Mapping[str, Factory[Policy]]:
    from harness_scripted.expert import expert, noisy, noop, oracle

    return {"expert": expert, "oracle": oracle, "noop": noop, "noisy": noisy}


@hookimpl
def harness_judges() -> Mapping[str, Factory[Judge]]:
    from harness_scripted.judge import rule_judge

    return {"rules": rule_judge}


@hookimpl
def harness_task_injectors() -> Mapping[str, Factory[TaskInjector]]:
    from harness_scripted.injector import template_injector

    return {"template": template_injector}
