# mypy: disable-error-code="empty-body"
"""All extension points on one page, in the order in which the loop meets them.

A hook takes nothing and returns ``{name: factory}``; the name is what users write in a config or on
the command line. It is called once, before the run starts; the factory is called when its name is
chosen, with ``Settings``, and that is where heavy imports belong. Raise ``ConfigError`` for bad
options and ``MissingExtra`` (with the install line as hint) for a missing dependency. Anything else
that a factory or a product raises is reported as ``PluginFailed`` with the plugin's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import pluggy

from harness.protocols import (
    ChatModel,
    Clusterer,
    Domain,
    Executor,
    Judge,
    Observer,
    Policy,
    Probe,
    RewardTerm,
    Settings,
    TaskInjector,
    Trainer,
    TrajectoryFormat,
    UserSimulator,
)

PROJECT = "harness"
"""The pluggy project name and the entry-point group, both."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

Product = TypeVar("Product", covariant=True)
Factory = Callable[[Settings], Product]


@hookspec
def harness_domains() -> Mapping[str, Factory[Domain]]:
    """Offer domains, by the name used in ``--domain``.

    A domain holds tools, policy text, tasks by split and a way to open a task's world. It is built
    once per run and shared by all conversations, so ``open`` must not copy the database.
    """


@hookspec
def harness_policies() -> Mapping[str, Factory[Policy]]:
    """Offer agents, by the name used in ``--policy NAME[:ARGUMENT]``.

    The name ``path`` is special: its factory gets, as the argument, any ``--policy`` value that is
    a folder or looks like a hub id (``owner/model``). A policy that can be trained is a
    ``TrainablePolicy``; opened with ``settings.checkpoint`` it must sample from those weights.
    """


@hookspec
def harness_user_simulators() -> Mapping[str, Factory[UserSimulator]]:
    """Offer simulated users, by the name used in ``--simulator``.

    A simulator sees the scenario and what was said to it, never the agent's tool calls. It must not
    keep state between calls. Raise ``RolloutFault("user_fault", ...)`` when it cannot answer.
    """


@hookspec
def harness_judges() -> Mapping[str, Factory[Judge]]:
    """Offer judges of failed conversations, by the name used in ``--judge``.

    A judge attributes blame first (agent, user simulator, task, tool, infrastructure): only agent
    failures are clustered. An unsure judge says so in the summary; it never invents evidence.
    """


@hookspec
def harness_clusterers() -> Mapping[str, Factory[Clusterer]]:
    """Offer ways to turn diagnoses into error patterns, by the name used in ``--clusterer``.

    Deterministic for a seed. Patterns come sorted by falling share and may leave diagnoses out
    (noise).
    """


@hookspec
def harness_task_injectors() -> Mapping[str, Factory[TaskInjector]]:
    """Offer injectors of targeted tasks, by the name used in ``--injector``.

    Every candidate carries its ``Origin``, lies in the train split and uses entities of no other
    split. Whether it is admitted (solvable, new, not a held-out task) is decided by the core.
    """


@hookspec
def harness_reward_terms() -> Mapping[str, Factory[RewardTerm]]:
    """Offer reward terms, by the name used in ``[rewards]`` and ``--reward NAME=WEIGHT``.

    A term turns one finished trajectory and its grade into a ``TermScore`` with a value in [-1, 1].
    The core multiplies by the configured weight (unitless) and sums; a term never sees weights.

    Source: shaping is guaranteed to keep optimal policies optimal only if it is potential-based
    (Ng, Harada & Russell, ICML 1999). Terms here need not be; keep their weights small against
    success.
    """


@hookspec
def harness_probes() -> Mapping[str, Factory[Probe]]:
    """Offer reward-hacking policies, with which ``harness probe`` tests the reward.

    A probe makes a policy that does what a careless reward would pay for: busywork, skipped rules,
    claims in place of actions. It must earn less than the honest policy it is compared with. It
    works in any domain, and behaves normally where there is no occasion to cheat.
    """


@hookspec
def harness_trainers() -> Mapping[str, Factory[Trainer]]:
    """Offer trainers, by the name used in ``--sft-trainer`` and ``--trainer``.

    A trainer changes the weights of a ``TrainablePolicy``, from demonstrations or from
    rollouts on tasks. It trains on the sampler's own token ids and log-probabilities (nats) and
    never on an episode that ended in a fault.
    """


@hookspec
def harness_chat_models() -> Mapping[str, Factory[ChatModel]]:
    """Offer chat models of a provider, by the provider's name.

    One method: messages in, one message and its usage out. Keys come from the environment and must
    not appear in errors.
    """


@hookspec
def harness_formats() -> Mapping[str, Factory[TrajectoryFormat]]:
    """Offer file formats for conversations, by the name used in ``harness import`` and ``export``.

    Reading must survive files of any age and origin: what is wrong is named, nothing is guessed.
    """


@hookspec
def harness_executors() -> Mapping[str, Factory[Executor]]:
    """Offer places where rollouts run, by the name used in ``--executor``.

    An executor applies an async function to many items and yields (index, result) as they finish;
    it decides how many run at once, and where.
    """


@hookspec
def harness_observers() -> Mapping[str, Factory[Observer]]:
    """Offer observers of a run's events (trackers, notifiers), by the name used in ``--observers``.

    Observers receive every event in order. One that raises ends the run as ``PluginFailed``: silent
    loss of metrics is worse.
    """
