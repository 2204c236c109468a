"""The official retail domain on our retail engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from harness.assembly.config import read_options
from harness.protocols import Domain, Settings
from harness.types import Split, Task, Tool, ToolCall
from harness_retail.compat import FIXED, TAU2
from harness_retail.tools import TOOLS, RetailWorld
from harness_tau2.data import OfficialData, official_data
from harness_tau2.domain import Options, Tau2Domain
from harness_tau2.requests import TRANSFER, failing_writes
from harness_tau2.schemas import official_tools
from harness_tau2.shop import Shop, official_database
from harness_tau2.starting import starting_shop
from harness_tau2.tasks import RETAIL, official_task, task_from_official
from harness_tau2.wire import Object

_NEWER_TOOL = "get_item_details"


def tau2_retail(settings: Settings) -> Domain:
    """The official retail tasks. Raises ``MissingExtra`` if their data is not on this machine."""
    options = read_options(Options, settings, name=RETAIL)
    return Tau2Retail(official_data("retail"), options)


class Tau2Retail(Tau2Domain):
    """The official shop, its policy and its tool schemas; our tools carry the calls out."""

    name = RETAIL

    def __init__(self, data: OfficialData, options: Options) -> None:
        super().__init__(data, options)
        is_newer = any(map(_is_newer, data.tasks.values()))
        compat = replace(TAU2 if options.compat == "tau2" else FIXED, item_details=is_newer)
        self.shop = Shop(database=official_database(data.folder), compat=compat)
        self._newer = replace(self.shop, compat=replace(compat, item_details=True))
        self._own_tools = [tool for tool in TOOLS if is_newer or tool.name != _NEWER_TOOL]

    @cached_property
    def tools(self) -> Sequence[Tool]:  # type: ignore[override]
        """The official schemas, in the official order; imported when first looked at."""
        return official_tools("retail", self._own_tools)

    def task(self, raw: Object, split: Split) -> Task:
        return task_from_official(raw, split=split, shop=self.shop)

    def open(self, task: Task) -> RetailWorld:
        """The world of a task of any version, with the tools that version has.

        Raises ``ConfigError`` for an initial state that the shop cannot hold.
        """
        official = official_task(task)
        if official is None:
            return self.shop.open()
        shop = self._newer if _is_newer(official) else self.shop
        return (starting_shop(shop, official) if official.get("initial_state") else shop).open()

    def solve(self, task: Task) -> Sequence[Sequence[ToolCall]] | None:
        """The gold calls by request, without the writes that fail."""
        failing = failing_writes(task.gold, self.open(task))
        left = [call for number, call in enumerate(task.gold) if number not in failing]
        transfers = [call for call in left if call.name == TRANSFER]
        left = [call for call in left if call.name != TRANSFER]
        groups: list[list[ToolCall]] = []
        for request in task.scenario.requests:
            upto = next((n for n, call in enumerate(left, 1) if _is(call, request.want)), 0)
            groups.append(left[:upto])
            left = left[upto:]
        if groups:
            groups[-1] += [*left, *transfers]
        return groups


def _is(call: ToolCall, want: ToolCall | None) -> bool:
    return want is not None and call.same_as(want)


def _is_newer(raw: Object) -> bool:
    """Whether a task is of tau2 1.0 or later: it names the newer tool, or its reward is none of
    the older ones, which all count what is communicated.
    """
    criteria = raw.get("evaluation_criteria")
    if not isinstance(criteria, dict):
        return False
    basis, actions = criteria.get("reward_basis"), criteria.get("actions")
    if isinstance(basis, list) and "COMMUNICATE" not in basis:
        return True
    return any(
        isinstance(action, dict) and action.get("name") == _NEWER_TOOL
        for action in (actions if isinstance(actions, list) else ())
    )
