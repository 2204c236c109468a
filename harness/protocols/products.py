"""A run's products, for whoever runs parts of the run in another process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from harness.protocols.chat_model import ChatGateway


class Products(Protocol):
    """The products that all parts of a run share, each at a place with a name.

    Equal configurations have equal products at equal places, in whatever process: see
    ``harness.elsewhere``.
    """

    @property
    def recipe(self) -> object:
        """The configuration that the products are made from; it can be pickled."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """The installed version of each distribution that the products come from, by its name."""
        ...

    @property
    def calls(self) -> ChatGateway:
        """The run's way to chat models."""
        ...

    def place_of(self, value: object) -> str | None:
        """The place where this very object is; None if it is no product that was made yet."""
        ...

    def at(self, place: str) -> object:
        """The product at the place, made if it was not."""
        ...
