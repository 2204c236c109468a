"""What a plugin must do, and what a product takes: hooks with their protocols, products with their
options, each in the words of the code.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from harness import hookspecs, protocols
from harness.assembly.config import nearest, options_read_by
from harness.assembly.product_checks import PROTOCOLS
from harness.assembly.registry import KINDS, SPEAKING, Offer, Registry
from harness.errors import HarnessError, UnknownName
from harness.types import Json

Row = dict[str, Json]


def contract(name: str) -> Row:
    """A hook with the protocol of what it offers, and those that a product may have besides.

    ``name`` is a hook's or a kind's, such as "harness_domains", "domain" or "reward-term". Raises
    ``UnknownName``.
    """
    kind = _kind_of(name)
    hook = KINDS[kind]
    protocol = PROTOCOLS[kind]
    more = [one for one in _protocols() if protocol in one.__mro__[1:]]
    return {
        "kind": kind,
        "hook": f"{hook}() -> Mapping[str, Factory[{protocol.__name__}]]",
        "about": _words(getattr(hookspecs, hook)),
        "protocols": [described_protocol(one) for one in (protocol, *more)],
    }


def described_protocol(protocol: type) -> Row:
    """A protocol in its own words, with each attribute and method that it has itself."""
    members: list[Json] = [
        {"signature": f"{name}: {_type(hint)}", "about": ""}
        for name, hint in inspect.get_annotations(protocol).items()
    ]
    members += [
        {"signature": _signature(name, member), "about": _words(_function(member))}
        for name, member in vars(protocol).items()
        if _is_public(name, member)
    ]
    return {"name": protocol.__name__, "about": _words(protocol), "members": members}


def described(registry: Registry, name: str) -> list[Row]:
    """A row for each product of that name, or of the plugin or distribution of that name: what it
    is, and its options with their defaults. Raises ``UnknownName``.
    """
    offers = [offer for names in registry.offers.values() for offer in names.values()]
    base = name.partition(":")[0]
    chosen = [o for o in offers if o.name == base] or [
        o for o in offers if name in (o.plugin, *o.plugin.split(":", 1))
    ]
    if not chosen:
        known = sorted({offer.name for offer in offers})
        raise UnknownName(
            f"nothing that is installed is called {name!r}",
            hint=nearest(base, known) or "Run `harness plugins` to see what is installed.",
        )
    return [_product(offer) for offer in chosen]


def _product(offer: Offer) -> Row:
    try:
        shape, problem = options_read_by(offer.factory), ""
    except HarnessError as error:
        shape, problem = None, f"{error} {error.hint}".strip()
    about = _words(offer.factory)
    return {
        "kind": offer.kind,
        "name": offer.name,
        "plugin": offer.plugin,
        "hook": KINDS[offer.kind],
        "about": about,
        "roles": _roles(offer),
        "options": [] if shape is None else _options(shape),
        "options_about": "" if shape is None else _words(shape),
        "problem": problem,
    }


def _roles(offer: Offer) -> list[Json]:
    """What the core makes of a chat model, with the option table of each."""
    if offer.kind != "chat model":
        return []
    return [f"{kind} (its options: [options.{role}])" for kind, role in SPEAKING.items()]


def _options(shape: type[Any]) -> list[Json]:
    hints = get_type_hints(shape)
    return [
        {"name": f.name, "type": _type(hints[f.name]), "default": _default(f)}
        for f in fields(shape)
    ]


def _default(field: Any) -> str:
    if field.default is not MISSING:
        return _written(field.default)
    made = field.default_factory
    return "required" if made is MISSING else _written(made())


def _written(value: object) -> str:
    """A default as it would be written in a config file."""
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)


def _kind_of(name: str) -> str:
    asked = name.replace("-", " ").replace("_", " ").removeprefix("harness ")
    words = {kind: {kind, hook.replace("_", " ").removeprefix("harness ")} for kind, hook in
             KINDS.items()}  # fmt: skip
    found = next((kind for kind, known in words.items() if asked in known), "")
    if not found:
        known = [*KINDS.values(), *KINDS]
        raise UnknownName(
            f"no hook or kind is called {name!r}",
            hint=nearest(name, known) or "`harness hooks` lists them.",
        )
    return found


def _protocols() -> Sequence[type]:
    every: Mapping[str, object] = vars(protocols)
    return [one for one in every.values() if isinstance(one, type)]


def _is_public(name: str, member: object) -> bool:
    own = inspect.isfunction(member) or isinstance(member, property)
    return own and (name == "__call__" or not name.startswith("_"))


def _function(member: Any) -> Any:
    return member.fget if isinstance(member, property) else member


def _signature(name: str, member: Any) -> str:
    function = _function(member)
    found = inspect.signature(function)
    if isinstance(member, property):
        return f"{name}: {_type(found.return_annotation)}"
    written = str(found).replace("'", "")
    return f"{'async ' if inspect.iscoroutinefunction(function) else ''}def {name}{written}"


def _type(hint: Any) -> str:
    """The type in words that a reader knows; bounds as they are written in mathematics."""
    bounds = "".join(_bounds(getattr(hint, "__metadata__", ())))
    hint = getattr(hint, "__origin__", hint) if hasattr(hint, "__metadata__") else hint
    if isinstance(hint, str):
        text = hint
    elif isinstance(hint, type) and not hasattr(hint, "__args__"):
        text = hint.__name__
    else:
        text = str(hint)
    text = re.sub(r"(?:typing|collections\.abc|pathlib|harness\.[\w.]+)\.", "", text)
    text = re.sub(r"Annotated\[(\w+),[^\]]*\]", r"\1", text)
    return re.sub(r"Optional\[([\w.]+)\]", r"\1 | None", text) + bounds


def _bounds(given: Sequence[Any]) -> Iterator[str]:
    for one in given:
        for name, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
            if hasattr(one, name):
                yield f" {sign} {getattr(one, name)}"


def _words(documented: object) -> str:
    """The docstring, a line for each paragraph; "" where it is one that Python wrote itself."""
    if not (inspect.isroutine(documented) or inspect.isclass(documented)):
        return ""
    text = inspect.getdoc(documented) or ""
    made = inspect.isclass(documented) and text.startswith(f"{documented.__name__}(")
    paragraphs = [] if made else text.replace("``", "").split("\n\n")
    return "\n\n".join(part if "\n " in part else " ".join(part.split()) for part in paragraphs)
