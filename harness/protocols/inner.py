"""How a plugin gets the product of another one, to wrap it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, overload

from harness.types import Json

if TYPE_CHECKING:
    from harness.protocols.chat_model import ChatModel
    from harness.protocols.clusterer import Clusterer
    from harness.protocols.domain import Domain
    from harness.protocols.executor import Executor
    from harness.protocols.judge import Judge
    from harness.protocols.observer import Observer
    from harness.protocols.policy import Policy
    from harness.protocols.probe import Probe
    from harness.protocols.reward_term import RewardTerm
    from harness.protocols.task_injector import TaskInjector
    from harness.protocols.trainer import Trainer
    from harness.protocols.trajectory_format import TrajectoryFormat
    from harness.protocols.user_simulator import UserSimulator

Options = Mapping[str, Json] | None


class Inner(Protocol):
    """Makes the product of a kind called "NAME" or "NAME:ARGUMENT", with the run's domain, seed,
    calls and a folder of its own.

    ``options`` is its table; None: that of the run, if it has one. Raises ``UnknownName``, and
    ``ConfigError`` where a product would wrap itself.
    """

    # fmt: off
    @overload
    def __call__(self, kind: Literal["domain"], name: str, options: Options = None) -> Domain: ...
    @overload
    def __call__(self, kind: Literal["policy"], name: str, options: Options = None) -> Policy: ...
    @overload
    def __call__(
        self, kind: Literal["user simulator"], name: str, options: Options = None
    ) -> UserSimulator: ...
    @overload
    def __call__(self, kind: Literal["judge"], name: str, options: Options = None) -> Judge: ...
    @overload
    def __call__(
        self, kind: Literal["clusterer"], name: str, options: Options = None
    ) -> Clusterer: ...
    @overload
    def __call__(
        self, kind: Literal["task injector"], name: str, options: Options = None
    ) -> TaskInjector: ...
    @overload
    def __call__(
        self, kind: Literal["reward term"], name: str, options: Options = None
    ) -> RewardTerm: ...
    @overload
    def __call__(self, kind: Literal["probe"], name: str, options: Options = None) -> Probe: ...
    @overload
    def __call__(self, kind: Literal["trainer"], name: str, options: Options = None) -> Trainer: ...
    @overload
    def __call__(
        self, kind: Literal["chat model"], name: str, options: Options = None
    ) -> ChatModel: ...
    @overload
    def __call__(
        self, kind: Literal["format"], name: str, options: Options = None
    ) -> TrajectoryFormat: ...
    @overload
    def __call__(
        self, kind: Literal["executor"], name: str, options: Options = None
    ) -> Executor: ...
    @overload
    def __call__(
        self, kind: Literal["observer"], name: str, options: Options = None
    ) -> Observer: ...
    # fmt: on
