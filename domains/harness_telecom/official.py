"""The official telecom domain on our telecom engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from harness.assembly.config import read_options
from harness.evaluation.scoring import changes_by
from harness.protocols import Domain, Settings
from harness.types import Changes, Scenario, Split, Task, Tool, ToolCall
from harness_tau2.data import WITH_USER_TOOLS, OfficialData, Texts, official_data
from harness_tau2.domain import Options, Tau2Domain
from harness_tau2.engine import Engine
from harness_tau2.requests import About, Telling, ticket_request
from harness_tau2.schemas import official_tools
from harness_tau2.tasks import official_task
from harness_tau2.wire import Object, text
from harness_telecom.compat import FIXED, TAU2
from harness_telecom.official_network import official_database
from harness_telecom.tools import TOOLS, USER_TOOLS, DeafWorld, TelecomWorld

Policy = Literal["manual", "workflow"]

_TELLING = Telling(
    writes=frozenset(tool.name for tool in TOOLS if tool.kind == "write"),
    arguments=(About(("gb_amount",), "how much data", ("data", "gb", "amount"), "{} GB."),),
)


@dataclass(frozen=True, kw_only=True)
class TelecomOptions(Options):
    """``policy``: technical support as a manual, or as a workflow. ``solo``: there is no user; the
    agent has all tools, and a ticket.
    """

    policy: Policy = "manual"
    solo: bool = False


@dataclass(frozen=True, kw_only=True)
class WorkflowOptions(TelecomOptions):
    """The same, with technical support as a workflow."""

    policy: Policy = "workflow"


def tau2_telecom(settings: Settings) -> Domain:
    """The official telecom tasks. Raises ``MissingExtra`` if their data is not on this machine."""
    return _opened("tau2-telecom", read_options(TelecomOptions, settings, name="tau2-telecom"))


def tau2_telecom_workflow(settings: Settings) -> Domain:
    """The same tasks with the workflow, under the official name of that domain."""
    name = "tau2-telecom-workflow"
    return _opened(name, read_options(WorkflowOptions, settings, name=name))


def _opened(name: str, options: TelecomOptions) -> Domain:
    return Tau2Telecom(name, official_data("telecom", texts(options)), options)


def texts(options: TelecomOptions) -> Texts:
    """The official files of policy and guidelines."""
    solo = "_solo" if options.solo else ""
    support = {"manual": "tech_support_manual.md", "workflow": f"tech_support_workflow{solo}.md"}
    return Texts(
        policy=(
            ("main_policy", f"main_policy{solo}.md"),
            ("tech_support_policy", support[options.policy]),
        ),
        guidelines=WITH_USER_TOOLS,
    )


class Tau2Telecom(Tau2Domain):
    """The official telecom, its policies and its tool schemas; our tools carry the calls out."""

    kit = "tau2.domains.telecom.tools:TelecomTools"
    user_kit = "tau2.domains.telecom.user_tools:TelecomUserTools"
    telling = _TELLING

    def __init__(self, name: str, data: OfficialData, options: TelecomOptions) -> None:
        self.name = name
        self.solo = options.solo
        compat = TAU2 if options.compat == "tau2" else FIXED
        network = official_database(data.folder)
        engine = Engine(network, compat, partial(TelecomWorld, solo=options.solo))
        super().__init__(data, options, engine, TOOLS, USER_TOOLS)
        notes = ["workflow"] if options.policy == "workflow" else []
        notes += ["solo"] if options.solo else []
        self.data_version = ", ".join([self.data_version, *notes])

    @property
    def tools(self) -> Sequence[Tool]:  # type: ignore[override]
        """Those of the agent; alone it has the user's, too."""
        found = super().tools
        return (*found, *self._all_user_tools) if self.solo else found

    @property
    def user_tools(self) -> Sequence[Tool]:  # type: ignore[override]
        return () if self.solo else self._all_user_tools

    @property
    def _all_user_tools(self) -> Sequence[Tool]:
        return official_tools(self.user_kit, USER_TOOLS)

    def task(self, raw: Object, split: Split) -> Task:
        """Alone the agent reads the ticket, and all gold calls are its own. Raises ``Misfit``."""
        task = super().task(raw, split)
        if not self.solo:
            return task
        gold = _by_the_agent(task.gold)
        ticket = text(raw, "ticket")
        request = ticket_request(ticket, gold)
        return replace(task, gold=gold, scenario=Scenario(reason=ticket, requests=(request,)))

    def wanted_changes(self, task: Task) -> Changes:
        """In tau2 neither side learns of the other's gold calls."""
        official = official_task(task)
        if official is None or not self.engine.compat.unsynchronised_gold:
            return super().wanted_changes(task)
        engine = self.started(task.id, official)
        world = DeafWorld(engine.database, engine.compat, solo=self.solo)
        return changes_by(_by_the_agent(task.gold) if self.solo else task.gold, world)


def _by_the_agent(calls: Iterable[ToolCall]) -> tuple[ToolCall, ...]:
    return tuple(replace(call, requestor="agent") for call in calls)
