"""Bring weights to all replicas of a model, and let turns begin only on the weights they want."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition, Lock

from harness.errors import ConfigError, ModelError, ProviderError
from harness_vllm.broadcast import Broadcast
from harness_vllm.guard import Guard
from harness_vllm.options import Options
from harness_vllm.probe import server_logprobs
from harness_vllm.replica import (
    LORA,
    NAME_VERSION,
    PAUSE,
    RESET,
    RESUME,
    RPC,
    UNLOAD,
    VERSION_NAMED,
    Lost,
    Replica,
)
from harness_vllm.server import OwnServer
from harness_vllm.weights import Weights

_LOOK_SECONDS = 0.02
_MEND_SECONDS = 0.5
_CUT_SECONDS = 1.0


class Fleet:
    """Replicas that all have one set of weights at a time.

    ``own``: the server behind the one replica, where the run started it, on the model ``base``,
    which may be ``copied`` for it. ``is_follower``: another process brings the weights; here it is
    only seen to that they are the right ones. ``waits``: that process has a server that died
    started again, which is waited for.
    """

    def __init__(
        self,
        replicas: Sequence[Replica],
        options: Options,
        *,
        own: OwnServer | None = None,
        base: Path | None = None,
        copied: TemporaryDirectory[str] | None = None,
        is_follower: bool = False,
        waits: bool = False,
    ) -> None:
        self.replicas = list(replicas)
        self.options = options
        self.own = own
        self.base = base
        self._copied = copied
        self.is_follower = is_follower
        self._waits = waits
        self._broadcast = Broadcast()
        self._guard: Guard | None = None
        self._weights: Weights | None = None
        self.gaps: dict[str, float] = {}
        """Nats between each version's probe and what the servers said of it when it came."""
        self._version = ""
        self._accepted = ""
        self._turns = 0
        self._is_changing = False
        self._turn = Condition()
        self._bringing = Lock()
        self._talks: Counter[str] = Counter()

    @property
    def longest(self) -> int:
        """Tokens that a conversation may have on every replica."""
        return min(replica.longest for replica in self.replicas)

    def seat(self, besides: Replica | None = None) -> Replica:
        """Where a new conversation goes: to the replica with the fewest, in order."""
        others = [one for one in self.replicas if one is not besides] or self.replicas
        chosen = min(others, key=lambda replica: self._talks[replica.url])
        self._talks[chosen.url] += 1
        return chosen

    def guard(self) -> bool:
        """From now on start our own server again when it dies, as other processes sample from it;
        whether there is one. Raises ``ProviderError`` if that has failed.
        """
        if self.own is None:
            return False
        if self._guard is None:
            self._guard = Guard(self.own, self._revive, tries=self.options.tries)
        if self._guard.error is not None:
            raise self._guard.error
        return True

    def leave(self, replica: Replica) -> None:
        """A conversation is over, or goes elsewhere."""
        self._talks[replica.url] -= 1

    def begin(self, version: str) -> bool:
        """Whether a turn from these weights may begin now; it must be told to ``end``."""
        with self._turn:
            if self._is_changing or self._version != version:
                return False
            self._turns += 1
            return True

    def end(self) -> None:
        with self._turn:
            self._turns -= 1
            self._turn.notify_all()

    def bring(self, weights: Weights, *, cuts: bool = False) -> None:
        """Have all replicas sample from the weights; returns when each was seen to.

        Turns in the middle end first; or, with ``cuts``, are cut where the server can, to go on
        from the new weights. Raises ``ModelError`` where a server's log-probabilities are not those
        of the weights, ``ConfigError`` where a route is missing, ``ProviderError`` where a server
        is gone.
        """
        with self._bringing:
            if self._version == weights.version:
                return
            with self._alone(cuts=cuts):
                self._version = ""
                for replica in self.replicas:
                    self._bring_to(replica, weights)
                self._version, self._weights = weights.version, weights

    def has(self, replica: Replica, weights: Weights) -> bool:
        """Whether the server has the weights now: by the name it gives them, else by the probe."""
        named = self._named(replica)
        return (
            named == weights.version
            if named
            else self._gap(replica, weights) <= self._limit(weights)
        )

    def mend(self, replica: Replica, weights: Weights, life: int) -> None:
        """See to a replica that gave no answer, unless another turn has since ``life``: start our
        own again, or wait a moment and bring a stranger what it may have lost.

        Raises ``Lost`` if a stranger still gives none, and ``ProviderError`` if our own cannot be
        started.
        """
        with self._bringing:
            if replica.life != life or self._version != weights.version:
                return
            replica.life += 1  # all that wait for the same are to wait once
            time.sleep(_MEND_SECONDS)
            known = replica.answers_to
            try:
                is_right = self.wait_for(replica, weights) == weights.version
            except Lost:
                if self.own is None:
                    raise
                is_right = False
                self._restart(replica, weights)
            if is_right:
                replica.answers_to = known
            else:
                with self._alone():
                    self._bring_to(replica, weights)

    def wait_for(self, replica: Replica, weights: Weights) -> str:
        """Look at the server, and say which version it names; where another process starts it
        again, wait until it has and the weights are there. Raises ``Lost``; after it did, nothing
        is waited for any more.
        """
        until = time.monotonic() + self.options.start_seconds
        while True:
            try:
                replica.look()
                named = self._named(replica)
                if not self._waits or named in ("", weights.version):
                    return named
                lost = Lost(f"{replica.url} has not got its weights back")
            except Lost as error:
                lost = error
            self._waits = self._waits and time.monotonic() < until
            if not self._waits:
                raise lost
            time.sleep(_MEND_SECONDS)

    def _revive(self) -> None:
        if self._weights is not None:
            [replica] = self.replicas
            self.mend(replica, self._weights, replica.life)

    def _bring_to(self, replica: Replica, weights: Weights) -> None:
        try:
            if self.is_follower:
                self._follow(replica, weights)
            else:
                self._load(replica, weights)
        except Lost as error:
            raise ProviderError(
                f"a vLLM server died, or gave no answer, while it got new weights: {error}",
                hint=f"Can it read {weights.folder}? A server on another machine needs a folder "
                "that both see under the same path: staging in [options.vllm]. Its log says more.",
            ) from error

    def _follow(self, replica: Replica, weights: Weights) -> None:
        known = replica.answers_to
        named = self.wait_for(replica, weights) if self._waits else self._named(replica)
        replica.answers_to = known
        if named not in ("", weights.version):
            raise ModelError(
                f"the server at {replica.url} has the weights {named!r}, and {weights.version!r} "
                "are wanted",
                hint="Only one run at a time may change the weights of a server.",
            )

    def _load(self, replica: Replica, weights: Weights) -> None:
        """Load the weights, unless the server names them, and check.

        That the probe fits is no reason to leave it at what the server has: it may be too coarse
        for one step of training.
        """
        if weights.is_adapter:
            self._load_adapter(replica, weights)
        else:
            replica.answers_to = replica.model
            if self._named(replica) == weights.version:
                self._check(replica, weights)
            elif weights.model is not None:
                self._broadcast.send(replica, weights.model)
                self._reset(replica)
                self._check(replica, weights)
            elif replica.routes is None or replica.can(RPC, RESET):
                self._reload(replica, weights)
            else:
                self._accept(replica, weights)
        if replica.can(NAME_VERSION) and replica.routes is not None:
            with suppress(ProviderError):
                replica.post(NAME_VERSION, {"new_version": weights.version})

    def _accept(self, replica: Replica, weights: Weights) -> None:
        """Take the weights that the server was started with for these, which no trainer changed."""
        if weights.is_changed or self._accepted not in ("", weights.version):
            replica.need(RPC, RESET)
        gap = self._gap(replica, weights)
        if gap > self._limit(weights):
            raise ConfigError(
                f"the server at {replica.url} has other weights than {weights.folder}: their "
                f"log-probabilities are {gap:.2g} nats apart; and vLLM {replica.version} there has "
                f"no route {RPC} to load them",
                hint="Serve that folder, in the same dtype; or start the server with "
                "VLLM_SERVER_DEV_MODE=1 on a loopback or private address.",
            )
        self._accepted = weights.version
        self.gaps[weights.version] = gap

    def _reload(self, replica: Replica, weights: Weights) -> None:
        asked = {"method": "reload_weights", "kwargs": {"weights_path": str(weights.folder)}}
        replica.post(RPC, asked)
        self._reset(replica)
        try:
            self._check(replica, weights)
        except ModelError:
            if self.own is None:
                raise
            self._restart(replica, weights)
            self._check(replica, weights)

    def _load_adapter(self, replica: Replica, weights: Weights) -> None:
        """Under a name of its own: nothing that was cached for another can be taken for it."""
        replica.need(LORA)
        name = f"{replica.model}-{weights.version}"
        older = replica.answers_to
        asked = {"lora_name": name, "lora_path": str(weights.folder)}
        if name not in replica.names():
            replica.post(LORA, asked)
        replica.answers_to = name
        if older not in (replica.model, name):
            with suppress(ProviderError):
                replica.post(UNLOAD, {"lora_name": older})
        self._check(replica, weights)

    def _check(self, replica: Replica, weights: Weights) -> None:
        gap, limit = self._gap(replica, weights), self._limit(weights)
        self.gaps[weights.version] = gap
        if gap <= limit:
            return
        raise ModelError(
            f"the server at {replica.url} does not have the weights {weights.version} that it was "
            f"told to load: log-probabilities are {gap:.2g} nats apart, at most {limit:.2g} are "
            "expected",
            hint="On a CPU vLLM keeps the old output layer of tied embeddings: serve a folder with "
            "tie_word_embeddings false and an lm_head, or let the run start the server "
            "(--policy vllm:FOLDER). vLLM rounds a model in float32 unless it is started with "
            "--dtype float32: name what it computes in as dtype, in [options.vllm].",
        )

    def _gap(self, replica: Replica, weights: Weights) -> float:
        _resume(replica)  # a server that pauses would answer later
        return weights.probe.gap(server_logprobs(replica, weights.probe.ids))

    def _limit(self, weights: Weights) -> float:
        return self.options.probe_limit or weights.probe.limit

    def _reset(self, replica: Replica) -> None:
        answer = replica.post(RESET)
        if isinstance(answer, dict) and answer.get("success") is False:
            raise ProviderError(
                f"the server at {replica.url} could not drop its prefix cache",
                hint="Does another run use it? Only one at a time may change its weights.",
            )

    def _restart(self, replica: Replica, weights: Weights) -> None:
        assert self.own is not None
        assert self.base is not None
        folder = self.base if weights.is_adapter else weights.folder
        self.own.start(folder, is_adapted=weights.is_adapter)
        replica.url = self.own.url
        replica.look()

    def _named(self, replica: Replica) -> str:
        """The version that the server itself names, "" where it cannot."""
        if replica.routes is None or not replica.can(VERSION_NAMED):
            return ""
        answer = replica.get(VERSION_NAMED)
        return str(answer.get("weight_version") or "") if isinstance(answer, dict) else ""

    @contextmanager
    def _alone(self, *, cuts: bool = False) -> Iterator[None]:
        """While no turn is being sampled; those that want to begin wait."""
        with self._turn:
            self._is_changing = True
        try:
            if cuts:
                self._cut_turns()
            self._wait_for_turns()
            yield
        finally:
            for replica in self.replicas:
                _resume(replica)
            with self._turn:
                self._is_changing = False

    def _cut_turns(self) -> None:
        """Cut what is being sampled. A server keeps what reaches it in a pause for later: it goes
        on for that, and is paused again.
        """
        until = time.monotonic() + self.options.seconds
        while self._turns and time.monotonic() < until:
            for replica in self.replicas:
                _resume(replica)
                replica.is_paused = _asked(replica, PAUSE + "?mode=abort")
            if not any(replica.is_paused for replica in self.replicas):
                return
            with self._turn:
                self._turn.wait_for(lambda: self._turns == 0, _CUT_SECONDS)

    def _wait_for_turns(self) -> None:
        with self._turn:
            if not self._turn.wait_for(lambda: self._turns == 0, self.options.seconds):
                raise ModelError(
                    f"{self._turns} turns did not end within {self.options.seconds:.0f} s, and the "
                    "weights are to change",
                    hint="Raise seconds in [options.vllm].",
                )


def _resume(replica: Replica) -> None:
    if replica.is_paused:
        replica.is_paused = not _asked(replica, RESUME)


def _asked(replica: Replica, route: str) -> bool:
    """Whether the server has the route and did as it was asked."""
    if replica.routes is None or not replica.can(route.partition("?")[0]):
        return False
    with suppress(ProviderError, Lost):
        replica.post(route)
        return True
    return False


_FLEETS: dict[str, Fleet] = {}
_OPENING = Lock()


def shared_fleet(key: str, make: Callable[[], Fleet]) -> Fleet:
    """The fleet of that key in this process: all policies of a run share servers."""
    with _OPENING:
        if key not in _FLEETS:
            _FLEETS[key] = make()
        return _FLEETS[key]
