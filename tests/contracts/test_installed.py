"""Run the conformance kit over everything that is installed, ours and strangers' alike."""

from pathlib import Path
from typing import Any, get_args

import pytest

from harness import testing
from harness.assembly.registry import KINDS, PATH
from harness.errors import MissingExtra
from harness.llm.roles import open_registry
from harness.protocols import Domain, Settings
from harness.testing.servers import ChatServer
from harness.testing.wires import Reply, Wire
from harness.types import Json

REGISTRY = open_registry()
OUR_DISTRIBUTION = "errata-harness"
MADE_OF_A_RECORDING = {"recorded"}
"""A domain without tasks: it stands for conversations of agents that no domain knows."""

DOMAINS = [name for name in REGISTRY.names("domain") if name not in MADE_OF_A_RECORDING]


SLOW = {"tiny"}
"""Policies that build a model first."""


BOUND_TO_A_FILE = {"replay"}
"""What means nothing without the file it is told; it is tested with one where it lives."""


BOUND_TO_A_SERVER = {"tinker", "tinker-grpo", "tinker-sft", "vllm"}
"""Tested in tests/plugins/tinker and tests/plugins/vllm, where there is a server. The check of
trainers looks at weights in this process, which those of tinker have not.
"""


WELL_BEHAVED = {"faulty": "faulty:0"}
"""What breaks the contract on purpose, as it is when it does not."""


def with_domains(kind: str) -> list[Any]:
    return [
        pytest.param(name, domain, marks=[pytest.mark.slow] if name in SLOW else [])
        for name in REGISTRY.names(kind)
        for domain in DOMAINS
        if name != PATH and name not in BOUND_TO_A_FILE | BOUND_TO_A_SERVER
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


# "ray" is held to the same in tests/plugins/ray, where there is a cluster.
@pytest.mark.parametrize("name", [name for name in REGISTRY.names("executor") if name != "ray"])
def test_executor(name: str) -> None:
    testing.check_executor(make("executor", name))


@pytest.mark.parametrize("name", REGISTRY.names("observer"))
def test_observer(name: str) -> None:
    testing.check_observer(make("observer", name))


@pytest.mark.parametrize("name", sorted({*REGISTRY.names("chat model")} & {*get_args(Wire)}))
def test_chat_model(name: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "canary-key-5f2c9a71d0"
    with ChatServer(name, lambda asked: Reply()) as server:
        for variable, value in server.environment(key).items():
            monkeypatch.setenv(variable, value)
        testing.check_chat_model(make("chat model", name), server, key=key)


BRIEF: dict[str, dict[str, Json]] = {
    "sft": {"max_steps": 2, "batch_size": 2},
    "grpo": {"max_steps": 2, "tasks_per_step": 1, "num_generations": 2},
}
"""Options with which a trainer takes few steps."""

SMALL: dict[str, Json] = {
    "base": "untrained", "hidden": 32, "feedforward": 32, "layers": 2, "heads": 2,
    "max_new_tokens": 8, "tasks": 5,
}  # fmt: skip
"""Of the policy to train: small, and short of words."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*REGISTRY.names("trainer")} - BOUND_TO_A_SERVER))
def test_trainer(name: str, tmp_path: Path) -> None:
    domain = make("domain", DOMAINS[0])
    settings = Settings(domain=domain, options=SMALL, folder=tmp_path / "policy")

    def pupil() -> Any:
        return REGISTRY.make("policy", "tiny", settings)

    trainer = REGISTRY.make("trainer", name, Settings(options=BRIEF.get(name, {})))
    testing.check_trainer(trainer, pupil, domain, tmp_path / "training")


def test_there_is_a_check_for_every_kind() -> None:
    checks = {name.removeprefix("check_") for name in testing.__all__ if name.startswith("check_")}
    assert checks == {kind.replace(" ", "_") for kind in KINDS}
