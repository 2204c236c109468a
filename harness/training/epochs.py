"""Turn passes over what is trained on into steps, so that training grows with the pool."""

from __future__ import annotations

from math import ceil


def step_count(
    max_steps: int | None, epochs: float | None, count: int | None, batch_size: int, *, usual: int
) -> int:
    """How many steps a training has: ``max_steps`` if that is given, else those of ``epochs``
    passes over ``count`` tasks or demonstrations, at least one; ``usual`` if nothing says.
    """
    if max_steps is None and epochs and count:
        return max(1, ceil(round(epochs * count / batch_size, 6)))
    return max_steps or usual
