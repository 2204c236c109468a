"""Turn a model into one of which adapters of low rank alone are trained, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import PositiveFloat, PositiveInt

from harness.assembly.extras import need
from harness.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class LowRank:
    """Adapters of low rank (Hu et al., "LoRA", arXiv:2106.09685).

    A layer W of ``targets`` (names of modules; "all-linear": all but the output layer) computes
    with W + alpha / rank B A, where B and A have ``rank`` columns and rows; W stays as it is.
    """

    rank: PositiveInt = 16
    alpha: PositiveFloat = 32.0
    targets: list[str] | Literal["all-linear"] = "all-linear"


@contextmanager
def adapted(model: Any, options: LowRank | None) -> Iterator[None]:
    """Train adapters alone; afterwards, also after an error, they are part of the weights.

    Meanwhile ``model.save_pretrained`` writes the adapter without the model. None changes nothing.
    Raises ``MissingExtra`` without PEFT, and ``ConfigError`` for targets that the model lacks.
    """
    if options is None:
        yield
        return
    need("LoRA", "peft", extra="lora")
    from peft import LoraConfig

    config = LoraConfig(
        r=options.rank,
        lora_alpha=options.alpha,  # type: ignore[arg-type]  # a float is as good
        target_modules=options.targets,
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    wanted = [weight.requires_grad for weight in model.parameters()]
    try:
        model.add_adapter(config)
    except ValueError as error:
        merge(model)
        raise ConfigError(
            f"no adapters for the targets {options.targets!r}: {error}",
            hint='Name modules of the model, such as ["q_proj", "v_proj"], or "all-linear".',
        ) from error
    try:
        yield
    finally:
        merge(model)
        for weight, trains in zip(model.parameters(), wanted, strict=True):
            weight.requires_grad_(trains)


def has_adapters(model: Any) -> bool:
    """Whether adapters are trained in it now."""
    return bool(getattr(model, "_hf_peft_config_loaded", False))


def plain(model: Any) -> Any:
    """The model without adapters: itself, or a copy whose weights have them."""
    if not has_adapters(model):
        return model
    copied = deepcopy(model)
    merge(copied)
    return copied


def merge(model: Any) -> None:
    """Add the adapters to the weights, in place, and remove them."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(model.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            model.set_submodule(name, module.get_base_layer())
    model._hf_peft_config_loaded = False
    vars(model).pop("peft_config", None)
