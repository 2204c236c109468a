"""Turn a training run that was killed into one that resumes: a snapshot of it on disk, and its last
good weights in memory.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import RunError
from harness.runtime import files

if TYPE_CHECKING:
    from torch import Tensor, nn

State = Mapping[str, Any]
"""What a trainer wants back: plain values and tensors, nested in dicts, lists and tuples."""


class Snapshots:
    """The snapshot of one training run: a file in ``folder``, replaced as a whole.

    ``identity`` tells runs apart; the snapshot of another run is ignored. Trainers are those of
    transformers, whose step, model, optimizer and schedule are kept with the random state.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self._path = folder / "snapshot.pt"
        self._identity = identity
        self._found = self._read()

    @property
    def step(self) -> int:
        """The step to resume from; 0 if there is no snapshot of this run."""
        return int(self._found.get("step", 0))

    def save(self, trainer: Any, state: State) -> None:
        """Save ``state`` and all of the trainer's own state that a resumed run needs."""
        import torch

        kept = {
            "identity": self._identity,
            "step": trainer.state.global_step,
            "model": _trained(trainer.model),
            "optimizer": trainer.optimizer.state_dict(),
            "schedule": trainer.lr_scheduler.state_dict(),
            "random": _random_state(),
            "state": state,
        }
        try:
            files.make_folder(self._path.parent)
            with files.replacing(self._path) as file:
                torch.save(kept, file)
        except (OSError, RuntimeError) as error:
            raise RunError(
                f"cannot write {self._path}: {error}", hint="Make room on the disk, then resume."
            ) from error

    def restore(self, trainer: Any) -> State | None:
        """Set the trainer to where the snapshot was taken; returns its state, None without one.

        Call it when training starts, and ``restore_random_state`` when the first step does.
        """
        if not self._found:
            return None
        put_back(trainer.model, self._found["model"])
        trainer.optimizer.load_state_dict(self._found["optimizer"])
        trainer.lr_scheduler.load_state_dict(self._found["schedule"])
        trainer.state.global_step = self._found["step"]
        state: State = self._found["state"]
        return state

    def restore_random_state(self) -> None:
        """Continue the random numbers as if never stopped. Forgets what was read: a second call
        does nothing.
        """
        if self._found:
            _set_random_state(self._found["random"])
        self._found = {}

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {}
        import torch

        try:
            found = torch.load(self._path, map_location="cpu", weights_only=True)
            return found if found["identity"] == self._identity else {}
        except (OSError, RuntimeError, ValueError, KeyError, EOFError, UnpicklingError) as error:
            raise RunError(
                f"{self._path} is damaged: {error}",
                hint="Remove it; its training then starts from the beginning.",
            ) from error


class GoodWeights:
    """Keeps the weights that last gave a finite loss, and brings them back when one is not."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._good: dict[str, Tensor] = {}

    def allow_update(self, loss: float) -> bool:
        """Whether loss and gradients are finite; if not, the update will change nothing.

        To be called between the backward pass and the update. On False the gradients are gone, and
        the model has its last good weights (those it has now if only a gradient was at fault).
        """
        if math.isfinite(loss):
            self._good = copied(self._model)
            if _finite(weight.grad for weight in self._model.parameters()):
                return True
        elif self._good:
            put_back(self._model, self._good)
        self._model.zero_grad(set_to_none=True)
        return False

    def survive_update(self) -> bool:
        """Whether the update left finite weights; if not, those before it are back."""
        if _finite(self._model.parameters()):
            return True
        put_back(self._model, self._good)
        return False

    @property
    def before_update(self) -> dict[str, Tensor]:
        """The weights the last update started from."""
        return self._good

    def restore(self, before_update: Mapping[str, Tensor]) -> None:
        """What was ``before_update`` when the snapshot was taken that is resumed from."""
        self._good = dict(before_update)


def copied(model: nn.Module) -> dict[str, Tensor]:
    """A copy of what training changes in the model, in main memory."""
    return {name: value.detach().cpu().clone() for name, value in _trained(model).items()}


def put_back(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give the model the weights that ``copied`` has taken."""
    model.load_state_dict(weights, strict=False)


def _trained(model: nn.Module) -> dict[str, Tensor]:
    """All of the model's state but frozen weights, such as those below adapters."""
    frozen = {name for name, weight in model.named_parameters() if not weight.requires_grad}
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def _finite(tensors: Iterable[Tensor | None]) -> bool:
    """Whether the norm of all together is finite: one pass, where a check of each takes ten."""
    from torch.nn.utils import get_total_norm

    return bool(get_total_norm(t for t in tensors if t is not None).isfinite())


def _random_state() -> dict[str, Any]:
    import torch

    kind, keys, *rest = np.random.get_state(legacy=True)
    cuda: Any = torch.cuda
    return {
        "python": random.getstate(),
        "numpy": (kind, np.asarray(keys).tolist(), *rest),
        "torch": torch.get_rng_state(),
        "cuda": cuda.get_rng_state_all() if cuda.is_initialized() else [],
    }


def _set_random_state(state: Mapping[str, Any]) -> None:
    import torch

    kind, keys, *rest = state["numpy"]
    random.setstate(state["python"])
    np.random.set_state((kind, np.asarray(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(state["torch"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
