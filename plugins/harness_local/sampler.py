"""Turn token ids of many live conversations into sampled turns: one batch, one persistent cache."""

from __future__ import annotations

import asyncio
import copy
import heapq
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import accumulate, chain, islice
from typing import Literal

import torch
from torch import Tensor
from transformers import PreTrainedModel

from harness.errors import OutOfMemory, RolloutFault, memory_complaint
from harness.protocols import SampledTurn
from harness.types import VersionSpan
from harness_local.attention import SLOTS
from harness_local.cache import SlotCache
from harness_local.draw import draw, uniforms
from harness_local.guesses import Guesses
from harness_local.window import Window

Dtype = Literal["float32", "bfloat16", "float16"]

_DTYPES: Mapping[torch.dtype, Dtype] = {
    torch.float32: "float32",
    torch.bfloat16: "bfloat16",
    torch.float16: "float16",
}
_PASS_TOKENS = 8192
"""At most this many new tokens in one pass, unless a single row has more."""
_HOPS = 6
"""Turns of the event loop to wait for conversations that are ready to ask for their next turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Token counts of one turn and a whole conversation, and how many conversations are cached."""

    max_new_tokens: int
    max_context: int
    slots: int


@dataclass(eq=False, slots=True, kw_only=True)
class _Row:
    """One conversation: all its ids, how many of them are cached, and the turn in the making.

    ``guess`` are the ids that seem to come next, fed to the model ahead of their being drawn.
    """

    ids: list[int] = field(default_factory=list)
    cached: int = 0
    slot: int | None = None
    seed: int = 0
    start: int = 0
    logprobs: list[float] = field(default_factory=list)
    turn: asyncio.Future[SampledTurn] | None = None
    guess: list[int] = field(default_factory=list)

    @property
    def todo(self) -> list[int]:
        return self.ids[self.cached :] + self.guess


class Sampler:
    """Samples turns from a causal LM. Coroutines ask; one task computes for all that wait.

    Each tick is one forward pass, for the new ids of conversations that got a reply and the last
    token of those in the middle of a turn, all packed into one row without padding; each gets its
    next token, or several where they could be guessed (see ``Guesses``). The task lives as long as
    there is work, on the loop that asked. The weights' version is how often they have
    changed (``changes``).

    In float32 the last bits of a row's logits depend on who shares its pass, and once in some
    thousand tokens so does a token. ``exact``: a copy of the model in float64 computes instead,
    whose differences are too small to be met (see ``benchmarks/batch_invariance.py``).
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        ends: frozenset[int],
        limits: Limits,
        temperature: float,
        top_p: float = 1.0,
        changes: int = 0,
        exact: bool = False,
    ) -> None:
        self.model = model
        self.exact = exact
        self._double: PreTrainedModel | None = None
        self.temperature = temperature
        self.top_p = top_p
        self.limits = limits
        self._ends = ends
        self._dtype = model.dtype
        cached = torch.float64 if exact else model.dtype
        self._cache = SlotCache(dtype=cached, device=model.device)
        self._guesses = Guesses()
        self._can_keep = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._rows: dict[str, _Row] = {}
        self.changes = changes
        self._waiting: list[_Row] = []
        self._speaking: list[_Row] = []
        self._free: list[int] = list(range(limits.slots))
        self._engine: asyncio.Task[None] | None = None
        self._spoke = False

    @property
    def dtype(self) -> Dtype:
        """In what the model computes turns, even while a trainer has widened its weights."""
        return _DTYPES[self._dtype]

    async def turn(self, conversation: str, ids: Sequence[int], *, seed: int) -> SampledTurn:
        """Feed ``ids`` to the conversation and sample until an end token.

        Raises ``RolloutFault`` ("context_overflow") when the conversation is or gets too long,
        ``OutOfMemory``, and whatever else the model raises.
        """
        row = self._rows.setdefault(conversation, _Row())
        row.ids.extend(ids)
        if len(row.ids) >= self.limits.max_context:
            raise self._overflow(row)
        row.seed, row.start, row.logprobs = seed, len(row.ids), []
        row.turn = asyncio.get_running_loop().create_future()
        self._waiting.append(row)
        if self._engine is None or self._engine.done():
            self._engine = asyncio.create_task(self._run())
        return await row.turn

    def forget(self, conversation: str) -> None:
        """Free what is kept for the conversation.

        After the last one nothing is left that could affect later ones, not even in a last bit.
        """
        row = self._rows.pop(conversation, None)
        if row is None:
            return
        self._waiting = [other for other in self._waiting if other is not row]
        self._speaking = [other for other in self._speaking if other is not row]
        if row.turn is not None:
            row.turn.cancel()
        self._release(row)
        if not self._rows:
            self._guesses = Guesses()

    def weights_changed(self) -> None:
        """Drop all cached keys and values; live conversations are fed again at their next turn."""
        if self._waiting or self._speaking:
            raise RuntimeError("the weights changed while a turn was being sampled")
        self.changes += 1
        self._double = None
        for row in self._rows.values():
            row.cached = 0

    async def _run(self) -> None:
        try:
            with self._evaluating():
                while self._waiting or self._speaking:
                    await self._let_others_reply()
                    with torch.inference_mode():
                        self._tick()
        except BaseException as error:
            self._fail(_in_words(error))
            if not isinstance(error, Exception):
                raise

    async def _let_others_reply(self) -> None:
        hops = _HOPS if self._spoke else 1
        self._spoke = False
        for _ in range(hops):
            await asyncio.sleep(0)

    def _tick(self) -> None:
        """Feed each row what the cache lacks and a guess, and draw the tokens that follow."""
        rows = [*self._speaking, *self._seated()]
        if not rows:  # all were forgotten while they waited
            return
        for row in rows:
            row.guess = self._guesses.after(row.ids, self._room(row))
        logits = self._next_logits(rows)
        places = [(row.seed, len(row.logprobs) + n) for row in rows for n in _places(row)]
        points = uniforms(*zip(*places, strict=True))
        tokens, logprobs = draw(logits, points, temperature=self.temperature, top_p=self.top_p)
        drawn = zip(tokens, logprobs, strict=True)
        for row in rows:
            self._say(row, list(islice(drawn, len(_places(row)))))
        self._speaking = [row for row in rows if row.turn is not None]

    def _room(self, row: _Row) -> int:
        """How many tokens the row may have beyond the next."""
        of_turn = self.limits.max_new_tokens - len(row.logprobs)
        return min(of_turn, self.limits.max_context - len(row.ids)) - 1

    def _say(self, row: _Row, drawn: Sequence[tuple[int, float]]) -> None:
        """Add what was drawn up to the first token that was not guessed; the rest is invalid."""
        guess, row.guess, known = row.guess, [], len(row.ids)
        row.cached = known
        for (token, logprob), guessed in zip(drawn, [*guess, None], strict=True):
            row.ids.append(token)
            row.logprobs.append(logprob)
            self._end_turn(row, token)
            if row.turn is None or token != guessed:
                break
            row.cached += 1
        self._guesses.learn(row.ids, known)

    def _seated(self) -> list[_Row]:
        """Those of the waiting who have or get a slot, as many as one pass takes."""
        seated: list[_Row] = []
        left: list[_Row] = []
        tokens = 0
        for row in self._waiting:
            tokens += len(row.todo)
            fits = not seated or tokens <= _PASS_TOKENS
            (seated if fits and self._seat(row) else left).append(row)
        self._waiting = left
        return seated

    def _end_turn(self, row: _Row, token: int) -> None:
        turn = row.turn
        if turn is None:
            return
        full = len(row.ids) >= self.limits.max_context
        if token in self._ends or len(row.logprobs) >= self.limits.max_new_tokens:
            if not turn.done():
                turn.set_result(self._sampled(row))
        elif full and not turn.done():
            turn.set_exception(self._overflow(row))
        elif not full:
            return
        row.turn = None
        self._spoke = True

    def _sampled(self, row: _Row) -> SampledTurn:
        span = VersionSpan(start=0, stop=len(row.logprobs), version=str(self.changes))
        return SampledTurn(ids=row.ids[row.start :], logprobs=row.logprobs, versions=(span,))

    def _next_logits(self, rows: Sequence[_Row]) -> Tensor:
        """Logits (places, vocabulary) after each row's last id and each of its guesses, in order;
        stores the rows' keys and values.
        """
        device = self.model.device
        fed = [row.todo for row in rows]
        window = Window(
            slots=[row.slot for row in rows if row.slot is not None],
            starts=[row.cached for row in rows],
            counts=[len(todo) for todo in fed],
        )
        self._cache.look_at(window)
        ends = accumulate(window.counts)
        kept = [
            end - 1 - n for row, end in zip(rows, ends, strict=True) for n in _places(row)[::-1]
        ]
        places = torch.tensor(kept, device=device)
        output = self._speaker(
            input_ids=torch.tensor([[*chain.from_iterable(fed)]], device=device),
            position_ids=window.positions()[None].to(device),
            past_key_values=self._cache,
            use_cache=True,
            window=window,
            **({"logits_to_keep": places} if self._can_keep else {}),
        )
        logits: Tensor = output.logits[0]
        return logits if self._can_keep else logits[places]

    def _seat(self, row: _Row) -> bool:
        """Whether the row has a slot now; if all are taken, an idle conversation gives one up."""
        if row.slot is None and not self._free:
            idle = (r for r in self._rows.values() if r.slot is not None and r.turn is None)
            if (evicted := next(idle, None)) is None:
                return False
            self._release(evicted)
        if row.slot is None:
            row.slot = heapq.heappop(self._free)
        return True

    def _release(self, row: _Row) -> None:
        if row.slot is not None:
            heapq.heappush(self._free, row.slot)
        row.slot, row.cached, row.turn = None, 0, None

    def _fail(self, error: BaseException) -> None:
        for row in self._rows.values():
            if row.turn is not None and not row.turn.done():
                row.turn.set_exception(error) if isinstance(error, Exception) else row.turn.cancel()
            row.cached, row.turn = 0, None
        self._waiting, self._speaking = [], []

    @property
    def _speaker(self) -> PreTrainedModel:
        """The model that computes turns."""
        if not self.exact:
            return self.model
        if self._double is None:
            self._double = copy.deepcopy(self.model).double()
        return self._double

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Compute in the configured dtype, even if a trainer has widened the weights."""
        model = self._speaker
        training, attention = model.training, model.config._attn_implementation
        widened = not self.exact and model.dtype != self._dtype
        narrow = torch.autocast(model.device.type, self._dtype) if widened else nullcontext()
        model.train(False)
        model.set_attn_implementation(SLOTS)
        try:
            with narrow:
                yield
        finally:
            model.set_attn_implementation(attention)
            model.train(training)

    def _overflow(self, row: _Row) -> RolloutFault:
        return RolloutFault(
            "context_overflow",
            f"the conversation has {len(row.ids)} tokens, the limit is {self.limits.max_context}",
        )


def _in_words(error: BaseException) -> BaseException:
    """The error, or that memory ran out if it is of that."""
    if (said := memory_complaint(error)) is None:
        return error
    told = OutOfMemory(
        f"sampling ran out of memory: {said}",
        hint="Lower slots or max_context in the policy's table of options, or free some memory.",
    )
    told.__cause__ = error
    return told


def _places(row: _Row) -> range:
    """The places after the row's last id, and each of its guesses, where a token is drawn."""
    return range(len(row.guess) + 1)
