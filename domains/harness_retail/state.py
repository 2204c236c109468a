"""One shared database that is never written, and the overlay of what one conversation changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from harness.types import Change, Changes, Json, Split
from harness_retail.records import Order, Product, User

T = TypeVar("T")


class ToolError(ValueError):
    """A tool refuses a call; the message is what the caller gets to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A shop before anybody calls. Shared by all conversations: read it, never write to it."""

    name: str
    split: Split
    products: Mapping[str, Product]
    users: Mapping[str, User]
    orders: Mapping[str, Order]


class Overlay:
    """A database seen through the writes of one conversation. Opening one copies nothing.

    ``transferred`` is set when the customer was handed to a human; it counts as a change.
    """

    __slots__ = ("_orders", "_users", "database", "transferred")

    def __init__(self, database: Database) -> None:
        self.database = database
        self.transferred = False
        self._orders: dict[str, Order] = {}
        self._users: dict[str, User] = {}

    def order(self, order_id: str) -> Order:
        """The order as it is now, to be read only. Raises ``ToolError``."""
        order = self._orders.get(order_id) or self.database.orders.get(order_id)
        if order is None:
            raise ToolError("Order not found")
        return order

    def user(self, user_id: str) -> User:
        """The user as it is now, to be read only. Raises ``ToolError``."""
        user = self._users.get(user_id) or self.database.users.get(user_id)
        if user is None:
            raise ToolError("User not found")
        return user

    def users(self) -> Iterator[User]:
        """All users as they are now."""
        for user_id, user in self.database.users.items():
            yield self._users.get(user_id, user)

    def writable_order(self, order_id: str) -> Order:
        """This conversation's own copy of the order, made on the first write."""
        if order_id not in self._orders:
            self._orders[order_id] = copied(self.order(order_id))
        return self._orders[order_id]

    def writable_user(self, user_id: str) -> User:
        """This conversation's own copy of the user, made on the first write."""
        if user_id not in self._users:
            self._users[user_id] = copied(self.user(user_id))
        return self._users[user_id]

    def changes(self) -> Changes:
        """What differs from the database, field by field, sorted by path.

        A list element has its index in the path. A transfer is the change of ``("transferred",)``.
        """
        found: list[Change] = []
        for order_id, order in self._orders.items():
            path = ("orders", order_id)
            found += _differences(path, _json(self.database.orders[order_id]), _json(order))
        for user_id, user in self._users.items():
            path = ("users", user_id)
            found += _differences(path, _json(self.database.users[user_id]), _json(user))
        if self.transferred:
            found.append(Change(path=("transferred",), before=False, after=True))
        return tuple(sorted(found, key=lambda change: change.path))


def copied(value: T) -> T:
    """A deep copy of plain JSON data, several times faster than ``copy.deepcopy``."""
    if isinstance(value, dict):
        return cast(T, {key: copied(part) for key, part in value.items()})
    if isinstance(value, list):
        return cast(T, [copied(part) for part in value])
    return value


def _json(record: Order | User) -> Json:
    return cast(Json, record)


def _differences(path: tuple[str, ...], before: Json, after: Json) -> Iterator[Change]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before.keys() | after.keys():
            yield from _differences((*path, key), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else None
            new = after[index] if index < len(after) else None
            yield from _differences((*path, str(index)), old, new)
    elif before != after:
        yield Change(path=path, before=copied(before), after=copied(after))
