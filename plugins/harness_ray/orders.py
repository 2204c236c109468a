"""Turn a function into what an actor can make it again from, and back."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ray.cloudpickle import CloudPickler

from harness.elsewhere.references import reference, resolved
from harness.errors import RunError
from harness.protocols import Products


@dataclass(frozen=True, kw_only=True)
class Order:
    """A function for actors: ``function`` pickled, with references to the products of a run.

    ``recipe`` is what these are made from, pickled (empty: there are none), ``digest`` its hash.
    ``models``: the model behind each chat model's spec.
    """

    function: bytes
    recipe: bytes = b""
    digest: str = ""
    models: Mapping[str, str]


def ordered(function: object, products: Products | None) -> Order:
    """The function as it is now. Raises ``RunError`` if it cannot be pickled."""
    try:
        pickled = _pickled(function, products)
    except Exception as error:  # whatever a stranger's __reduce__ raises
        raise RunError(
            f"what is to run on other machines cannot be sent there: {type(error).__name__}: "
            f"{error}",
            hint="The policy, or what it holds, cannot be pickled: use the executor fork or "
            "asyncio.",
        ) from error
    if products is None:
        return Order(function=pickled, models={})
    recipe = pickle.dumps(products.recipe)
    digest = hashlib.sha256(recipe).hexdigest()
    return Order(
        function=pickled, recipe=recipe, digest=digest, models=dict(products.calls.models())
    )


def opened(order: Order, products: Products | None) -> Any:
    """The function of the order, with the products of this process."""
    return _Unpickler(order.function, products).load()


def _pickled(function: object, products: Products | None) -> bytes:
    file = io.BytesIO()
    _Pickler(file, products).dump(function)  # type: ignore[no-untyped-call]
    return file.getvalue()


class _Pickler(CloudPickler):
    def __init__(self, file: io.BytesIO, products: Products | None) -> None:
        super().__init__(file)  # type: ignore[no-untyped-call]
        self._products = products

    def persistent_id(self, value: object) -> object:
        return None if self._products is None else reference(value, self._products)


class _Unpickler(pickle.Unpickler):
    def __init__(self, pickled: bytes, products: Products | None) -> None:
        super().__init__(io.BytesIO(pickled))
        self._products = products

    def persistent_load(self, found: Any) -> object:
        if self._products is None:
            raise pickle.UnpicklingError("a reference to a product, and there is no run")
        return resolved(found, self._products)
