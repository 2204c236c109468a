"""Replay recorded conversations from a file or a run: the agent's turns, the user's, or both."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import Policy, UserSimulator


@hookimpl
def harness_policies() -> Mapping[str, Factory[Policy]]:
    from harness_replay.recorded import replayed_agent

    return {"replay": replayed_agent}


@hookimpl
def harness_user_simulators() -> Mapping[str, Factory[UserSimulator]]:
    from harness_replay.recorded import replayed_user

    return {"replay": replayed_user}
