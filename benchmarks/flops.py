"""Count what a model computes for a token, and what a core could compute in the same time."""

from __future__ import annotations

from itertools import islice
from statistics import median
from time import process_time
from typing import Any

import torch

from harness.assembly.components import Components
from harness.protocols import Conversation
from harness.training.demonstrations import demonstrations
from harness.types import TokenTrace
from harness_local.policy import LocalPolicy

GEMM = 1024
"""Rows and columns of the matrices whose product sets the limit."""


def gemm_flops() -> dict[str, float]:
    """Floating-point operations in a CPU second of one core multiplying large square matrices, by
    the type of their numbers.
    """
    threads, found = torch.get_num_threads(), {}
    torch.set_num_threads(1)
    for kind in (torch.float32, torch.bfloat16):
        one = torch.randn(GEMM, GEMM).to(kind)
        times = []
        for _ in range(8):
            started = process_time()
            torch.mm(one, one)
            times.append(process_time() - started)
        found[str(kind).removeprefix("torch.")] = 2 * GEMM**3 / median(times[2:])
    torch.set_num_threads(threads)
    return found


class Work:
    """Floating-point operations of the policy's model: those of its matrix products alone,
    attention to earlier tokens included, the head where a token is the policy's own.
    """

    def __init__(self, policy: LocalPolicy) -> None:
        config = policy.model.config
        embedding: Any = policy.model.get_input_embeddings().weight
        matrices = [w for w in policy.model.parameters() if w.ndim == 2 and w is not embedding]
        self._weights = sum(matrix.numel() for matrix in matrices)
        self._head: int = embedding.numel()
        self._attention: int = config.num_hidden_layers * config.hidden_size

    def forward(self, trace: TokenTrace) -> int:
        """Those of one pass over a conversation; a backward pass takes twice as many."""
        length, sampled = len(trace.ids), int(trace.sampled.sum())
        attention = 2 * self._attention * length * (length + 1)
        return 2 * self._weights * length + 2 * self._head * sampled + attention


def flops_per_token(policy: LocalPolicy, parts: Components) -> float:
    """Operations of forward and backward for a token of a demonstration."""
    shown = demonstrations(parts.teacher, parts.setup, parts.executor, seed=2)
    work = Work(policy)
    tokens, forward = 0, 0
    for episode in islice(shown, 64):
        messages = episode.trajectory.messages
        talk = Conversation(id="", domain=parts.domain, task=episode.task, messages=messages)
        trace = policy.encode(talk)
        tokens += len(trace.ids)
        forward += work.forward(trace)
    return 3 * forward / tokens
