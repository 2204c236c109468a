"""Run the conformance kit over everything that is installed, ours and strangers' alike."""

from typing import Any

import pytest

from harness import testing
from harness.assembly.registry import PATH
from harness.errors import MissingExtra
from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings

REGISTRY = open_registry()
OUR_DISTRIBUTION = "errata-harness"
DOMAINS = REGISTRY.names("domain")


SLOW = {"tiny"}
"""Policies that build a model first."""


BOUND_TO_A_FILE = {"replay"}
"""What means nothing without the file it is told; it is tested with one where it lives."""


WELL_BEHAVED = {"faulty": "faulty:0"}
"""What breaks the contract on purpose, as it is when it does not."""


def with_domains(kind: str) -> list[Any]:
    return [
        pytest.param(name, domain, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in REGISTRY.names(kind)
        for domain in DOMAINS
        if name != PATH and name not in BOUND_TO_A_FILE
    ]


def make(kind: str, name: str, domain: Domain | None = None) -> Any:
    """The product; the test is skipped if it needs an extra that is not installed."""
    try:
        return REGISTRY.make(kind, WELL_BEHAVED.get(name, name), Settings(domain=domain))
    except MissingExtra as error:
        pytest.skip(f"{kind} {name!r} cannot be made here: {error}")


@pytest.fixture(autouse=True)
def _no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_all_of_our_own_plugins_load() -> None:
    broken = {
        row.name: row.error
        for row in REGISTRY.plugins
        if row.distribution == OUR_DISTRIBUTION and row.error
    }
    assert not broken


@pytest.mark.parametrize("name", DOMAINS)
def test_domain(name: str) -> None:
    testing.check_domain(make("domain", name))


@pytest.mark.parametrize(("name", "domain"), with_domains("user simulator"))
def test_user_simulator(name: str, domain: str) -> None:
    opened = make("domain", domain)
    testing.check_user_simulator(make("user simulator", name, opened), opened)


@pytest.mark.parametrize(("name", "domain"), with_domains("policy"))
def test_policy(name: str, domain: str) -> None:
    opened = make("domain", domain)
    testing.check_policy(make("policy", name, opened), opened)


@pytest.mark.parametrize(("name", "domain"), with_domains("judge"))
def test_judge(name: str, domain: str) -> None:
    opened = make("domain", domain)
    testing.check_judge(make("judge", name, opened), opened)


@pytest.mark.parametrize("name", REGISTRY.names("clusterer"))
def test_clusterer(name: str) -> None:
    testing.check_clusterer(make("clusterer", name))


@pytest.mark.parametrize(("name", "domain"), with_domains("task injector"))
def test_task_injector(name: str, domain: str) -> None:
    opened = make("domain", domain)
    testing.check_task_injector(make("task injector", name, opened), opened)


@pytest.mark.parametrize(("name", "domain"), with_domains("reward term"))
def test_reward_term(name: str, domain: str) -> None:
    opened = make("domain", domain)
    testing.check_reward_term(make("reward term", name, opened), opened)


@pytest.mark.parametrize(("name", "domain"), with_domains("probe"))
def test_probe(name: str, domain: str) -> None:
    opened = make("domain", domain)
    testing.check_probe(make("probe", name, opened), opened)


@pytest.mark.parametrize("name", REGISTRY.names("executor"))
def test_executor(name: str) -> None:
    testing.check_executor(make("executor", name))
