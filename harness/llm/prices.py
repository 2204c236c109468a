"""Turn tokens into US dollars by a price table."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from harness.errors import ConfigError
from harness.types import Usage

MILLION = 1_000_000
DATED = re.compile(r"-20\d\d-?\d\d-?\d\d$")


class Price(BaseModel):
    """US dollars for a million tokens; ``cached`` input costs as much as any if not said."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)


class Prices:
    """A price table by model; a model's dated versions have its price."""

    def __init__(self, table: Mapping[str, Price]) -> None:
        self._table = dict(table)

    @classmethod
    def load(cls, file: str = "") -> Prices:
        """The table that comes with the package, overridden row by row by the user's file.

        Raises ``ConfigError`` if the file cannot be read or a row is no price.
        """
        table = _rows((files("harness.llm") / "prices.toml").read_text(), "prices.toml")
        if file:
            try:
                written = Path(file).expanduser().read_text()
            except OSError as error:
                raise ConfigError(
                    f"cannot read the price table {file}: {error.strerror}",
                    hint="Check `prices` of [options.calls].",
                ) from None
            table |= _rows(written, file)
        return cls(table)

    def knows(self, model: str) -> bool:
        return self._price(model) is not None

    def cost(self, model: str, usage: Usage) -> float | None:
        """US dollars; None for a model that the table does not know."""
        price = self._price(model)
        if price is None:
            return None
        cached = price.input if price.cached is None else price.cached
        fresh = usage.tokens_in - usage.tokens_cached
        spent = fresh * price.input + usage.tokens_cached * cached
        return (spent + usage.tokens_out * price.output) / MILLION

    def _price(self, model: str) -> Price | None:
        return self._table.get(model) or self._table.get(DATED.sub("", model))


def _rows(text: str, source: str) -> dict[str, Price]:
    try:
        return TypeAdapter(dict[str, Price]).validate_python(tomllib.loads(text))
    except (ValidationError, ValueError) as error:
        raise ConfigError(
            f"{source} is not a price table: {error}",
            hint='Write rows as: "model-name" = { input = 3.0, output = 15.0, cached = 0.3 }',
        ) from None
