"""Turn what a plugin offers into what the core can rely on: names that can be typed, factories that
can be called, products that have what their protocol says.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_origin, get_type_hints

from typing_extensions import get_protocol_members

from harness import protocols
from harness.errors import shown

PROTOCOLS: Mapping[str, type[Any]] = {
    "domain": protocols.Domain,
    "policy": protocols.Policy,
    "user simulator": protocols.UserSimulator,
    "judge": protocols.Judge,
    "clusterer": protocols.Clusterer,
    "task injector": protocols.TaskInjector,
    "reward term": protocols.RewardTerm,
    "probe": protocols.Probe,
    "trainer": protocols.Trainer,
    "chat model": protocols.ChatModel,
    "format": protocols.TrajectoryFormat,
    "executor": protocols.Executor,
    "observer": protocols.Observer,
}
"""What a product of each kind must have."""

NAME = re.compile(r"\w[\w.-]*")
"""What can be written in `NAME:ARGUMENT`, as a TOML key and in a list with commas."""

_MAY_BE_INHERITED = {"forget"}
"""Methods of protocols whose own body does what is right for most."""

_ABSENT = object()


def refuse_offer(offered: object) -> dict[str, Callable[..., object]]:
    """The names and factories that a hook returns. Raises ``TypeError`` saying what is wrong."""
    if not isinstance(offered, Mapping):
        raise TypeError(f"it returned {shown(offered)}, expected a mapping of names to factories")
    for name, factory in offered.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise TypeError(
                f"it offers the name {name!r}, expected letters, digits, '_', '-' and '.' alone"
            )
        if not callable(factory):
            raise TypeError(
                f"the factory of {name!r} is {shown(factory)}, expected a function that takes the "
                "Settings and returns the product"
            )
        _refuse_call(factory, ("settings",), (), f"the factory of {name!r}")
    return dict(offered)


def refuse_product(kind: str, product: object) -> None:
    """Raise ``TypeError`` if the product lacks anything of the protocol of its kind, has an
    attribute of another type, or a method that cannot be called as the protocol says.
    """
    protocol = PROTOCOLS[kind]
    named = f"a {protocol.__name__}"
    if product is None:
        raise TypeError(f"its factory returned None, expected {named}; is a `return` missing?")
    if isinstance(product, type):
        raise TypeError(
            f"its factory returned the class {product.__name__} itself, expected {named}: call it"
        )
    members = sorted(get_protocol_members(protocol))
    lacking = [name for name in members if not _has(product, name, protocol)]
    if lacking:
        raise TypeError(
            f"its factory returned {shown(product)}, expected {named}: it lacks "
            f"{', '.join(lacking)}"
        )
    hints = get_type_hints(protocol)
    for name in members:
        if inspect.isfunction(inspect.getattr_static(protocol, name, None)):
            _refuse_signature(getattr(product, name), getattr(protocol, name), name)
        elif not hasattr(own := _own(product, name), "__get__"):
            _refuse_value(own, hints.get(name), name)


def _own(product: object, name: str) -> object:
    """The attribute or property; of a product that passes on another's, what it passes on."""
    own = inspect.getattr_static(product, name, _ABSENT)
    return getattr(product, name) if own is _ABSENT else own


def _has(product: object, name: str, protocol: type[Any]) -> bool:
    """Whether the product has it by itself: a method that only the protocol has does nothing.

    No property is looked into: it may load what is not needed yet.
    """
    own = inspect.getattr_static(product, name, _ABSENT)
    if own is _ABSENT:
        return hasattr(type(product), "__getattr__") and hasattr(product, name)
    empty = next((vars(base)[name] for base in protocol.__mro__ if name in vars(base)), None)
    return own is not empty or name in _MAY_BE_INHERITED


def _refuse_signature(method: object, promised: Callable[..., object], name: str) -> None:
    if not callable(method):
        raise TypeError(f"its {name} is {shown(method)}, expected a method")
    parameters = list(inspect.signature(promised).parameters.values())[1:]
    plain = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    keyword = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    what = "it" if name == "__call__" else f"its {name}"
    _refuse_call(method, plain, keyword, what)


def _refuse_call(
    function: Callable[..., object], plain: Sequence[str], keyword: Sequence[str], what: str
) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # built into Python, which tells no signature
        return
    try:
        signature.bind(*plain, **dict.fromkeys(keyword))
    except TypeError as error:
        wanted = ", ".join([*plain, *(["*", *keyword] if keyword else [])])
        raise TypeError(f"{what} takes {signature}, expected ({wanted}): {error}") from None


def _refuse_value(value: object, hint: Any, what: str) -> None:
    wanted = get_origin(hint) or hint
    if not isinstance(wanted, type) or wanted is object:
        return
    is_text = isinstance(value, str | bytes)
    if not isinstance(value, wanted) or (is_text and wanted is Sequence):
        raise TypeError(f"its {what} is {shown(value)}, expected {wanted.__name__}")
