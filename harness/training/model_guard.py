"""Lend a policy's model and the process to a library trainer, and get both back as they were."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import OutOfMemory, PluginFailed, memory_complaint
from harness.protocols import InProcessPolicy

NOISY = ("accelerate", "datasets", "transformers", "trl")


@contextmanager
def lent(
    policy: InProcessPolicy, *, threads: int | None, lower: str, widens: bool = True
) -> Iterator[int]:
    """Use ``threads`` threads (None: as many as now); afterwards only the weights have changed.

    Weights of 16 bits have 32 meanwhile: otherwise small updates would be lost in rounding. Without
    ``widens`` they stay as they are, for they are not trained themselves. The value of the context
    is the number of threads. Raises ``OutOfMemory``, with ``lower`` as the settings that take less
    memory.

    Library trainers replace ``model.forward``, mark the model as theirs and change its config, each
    of which would mislead the next one.
    """
    import torch

    model = policy.model
    attributes, config = dict(vars(model)), dict(vars(model.config))
    training, before = model.training, torch.get_num_threads()
    dtype = next(model.parameters()).dtype
    narrow = widens and dtype.itemsize < torch.float32.itemsize
    torch.set_num_threads(threads or before)
    try:
        if narrow:
            model.float()
        with _quiet():
            yield threads or before
    except (RuntimeError, MemoryError, OutOfMemory, PluginFailed) as error:
        if (said := memory_complaint(error)) is None:
            raise
        raise OutOfMemory(f"training ran out of memory: {said}", hint=f"Lower {lower}.") from error
    finally:
        torch.set_num_threads(before)
        model.zero_grad(set_to_none=True)
        vars(model).clear()
        vars(model).update(attributes)
        vars(model.config).update(config)
        if narrow:
            model.to(dtype)
        model.train(training)


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings, logs or progress bars: they would tear a live display."""
    loggers = [logging.getLogger(name) for name in NOISY]
    levels = [logger.level for logger in loggers]
    silence = os.environ.get("TRL_EXPERIMENTAL_SILENCE")
    os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if silence is None:
            del os.environ["TRL_EXPERIMENTAL_SILENCE"]
        else:
            os.environ["TRL_EXPERIMENTAL_SILENCE"] = silence
