"""Turn installed plugins into pytest items: `pytest --harness-check NAME` runs the kit on each
product of a plugin or distribution, or put `harness_check = NAME ...` under pytest's settings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.testing.kit import Verdict

OPTION = "harness_check"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(OPTION, "Plugins of harness whose products are checked.", type="args")
    parser.getgroup("harness").addoption(
        "--harness-check",
        action="append",
        default=[],
        dest=OPTION,
        metavar="NAME",
        help="check the products of this plugin of harness; repeatable",
    )


def pytest_collection_modifyitems(
    session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
) -> None:
    for name in [*config.getini(OPTION), *config.getoption(OPTION)]:
        items += _items(session, name)


class KitItem(pytest.Item):
    """One product of a plugin."""

    verdict: Verdict

    def runtest(self) -> None:
        if self.verdict.state == "not checked":
            pytest.skip(self.verdict.reason)
        if self.verdict.findings:
            raise AssertionError("\n\n".join(map(str, self.verdict.findings)))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> str:  # type: ignore[override]
        return str(excinfo.value)


def _items(session: pytest.Session, name: str) -> Iterator[pytest.Item]:
    from harness.llm.roles import open_registry
    from harness.testing.kit import Kit

    for verdict in Kit(open_registry()).named(name):
        item = KitItem.from_parent(session, name=f"harness {verdict.kind} {verdict.name}")
        item.verdict = verdict
        yield item
