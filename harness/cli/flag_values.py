"""Turn what flags hold into numbers, weights, grids and tables of options."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import typer

from harness.runtime.counting import is_number

if TYPE_CHECKING:
    from harness.interchange.foreign import Adoption
    from harness.types import Json


def or_none(number: type[int] | type[float], least: int) -> Callable[[str], int | float | str]:
    """Reads a number from ``least`` on, or "none", which unsets the setting."""

    def read(text: str) -> int | float | str:
        if text == "none":
            return text
        try:
            found = number(text)
        except ValueError:
            kind = "integer" if number is int else "number"
            raise typer.BadParameter(f"{text!r} is neither a valid {kind} nor 'none'") from None
        if not found >= least:
            raise typer.BadParameter(f"{text} is not in the range x>={least}")
        return found

    return read


def changes(option: Sequence[str] | None, **names: str | None) -> dict[str, Json]:
    """The settings of a run that a station's flags change."""
    given: dict[str, Json] = {key: name for key, name in names.items() if name is not None}
    if option:
        given["options"] = {**option_tables(option)}
    return given


def weights(given: Sequence[str] | None) -> dict[str, float]:
    """The weights of ``--reward``, by term."""
    return {name: float(value) for name, value in _pairs(given, "--reward", number=True)}


def grid(given: Sequence[str] | None) -> dict[str, list[float]]:
    """The weights of ``--grid``, by term."""
    axes = {}
    for name, values in _pairs(given, "--grid", shape="NAME=W,W,..."):
        parts = values.split(",")
        if not all(map(is_number, parts)):
            raise typer.BadParameter(f"{name}={values!r} is not NAME=W,W,...", param_hint="--grid")
        axes[name] = [float(part) for part in parts]
    return axes


def adoption(outcome: str, failed_if: str, redact: str | None) -> Adoption | None:
    """How conversations without a domain are read; None if no flag says anything of it."""
    from harness.interchange.foreign import Adoption
    from harness.interchange.personal_data import BY_DEFAULT, kinds_of

    if not outcome and not failed_if and redact is None:
        return None
    kinds = BY_DEFAULT if redact is None else kinds_of(redact)
    return Adoption(outcome=outcome, failed_if=failed_if, redact=kinds)


def option_tables(options: Sequence[str] | None) -> dict[str, dict[str, Json]]:
    """The options by plugin."""
    tables: dict[str, dict[str, Json]] = {}
    for key, value in _pairs(options, "--option"):
        owner, dot, name = key.partition(".")
        if not dot:
            raise typer.BadParameter(f"{key!r} is not PLUGIN.KEY", param_hint="--option")
        tables.setdefault(owner, {})[name] = _toml_value(value)
    return tables


def _pairs(
    given: Sequence[str] | None, flag: str, *, number: bool = False, shape: str = ""
) -> list[tuple[str, str]]:
    pairs = []
    for item in given or ():
        name, equals, value = item.partition("=")
        if not equals or not name or (number and not is_number(value)):
            wanted = shape or ("NAME=NUMBER" if number else "PLUGIN.KEY=VALUE")
            raise typer.BadParameter(f"{item!r} is not {wanted}", param_hint=flag)
        pairs.append((name, value))
    return pairs


def _toml_value(text: str) -> Json:
    import tomllib

    try:
        value: Json = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value
