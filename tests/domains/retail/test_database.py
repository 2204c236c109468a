"""The generated shops: shapes like tau2's, and no id in two splits."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import pytest

from harness.errors import ConfigError
from harness_retail.catalogue import KINDS, OPTION_PHRASES
from harness_retail.database import database, database_name
from harness_retail.state import Database

SHOPS = [database(f"retail/train/{seed}") for seed in range(8)]


def ids(shop: Database) -> set[str]:
    found = {*shop.users, *shop.orders, *shop.products}
    for product in shop.products.values():
        found |= {*product["variants"]}
    for user in shop.users.values():
        found |= {user["email"], *user["payment_methods"]}
    for order in shop.orders.values():
        found |= {number for f in order["fulfillments"] for number in f["tracking_id"]}
    return found


def people(shop: Database) -> set[tuple[str, str, str]]:
    return {
        (user["name"]["first_name"], user["name"]["last_name"], user["address"]["zip"])
        for user in shop.users.values()
    }


def test_no_two_splits_share_an_id_or_a_person() -> None:
    def union(split: str) -> tuple[set[str], set[tuple[str, str, str]]]:
        shops = [database(f"retail/{split}/{seed}") for seed in range(30)]
        every = (set().union(*map(ids, shops)), set().union(*map(people, shops)))
        database.cache_clear()
        return every

    train, validation, test = union("train"), union("validation"), union("test")
    for kind in (0, 1):
        assert not train[kind] & validation[kind]
        assert not train[kind] & test[kind]
        assert not validation[kind] & test[kind]


def test_different_train_seeds_hardly_ever_share_an_id() -> None:
    shared = [ids(one) & ids(other) for one, other in itertools.pairwise(SHOPS)]
    assert not set().union(*shared)


def test_a_name_always_builds_the_same_shop() -> None:
    first = database("retail/test/3")
    database.cache_clear()
    again = database("retail/test/3")
    assert again is not first
    assert (again.products, again.users, again.orders) == (
        first.products,
        first.users,
        first.orders,
    )


@pytest.mark.parametrize(
    "name", ["retail/train", "retail/dev/1", "airline/train/1", "retail/train/x"]
)
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="no retail database"):
        database(name)


def test_names_are_made_of_split_and_seed() -> None:
    assert database_name("validation", 4) == "retail/validation/4"


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_ids_have_the_forms_of_tau2(shop: Database) -> None:
    assert all_match(r"#W\d{7}", shop.orders)
    assert all_match(r"[a-z]+_[a-z]+_\d{4}", shop.users)
    assert all_match(r"\d{10}", shop.products)
    for product in shop.products.values():
        assert all_match(r"\d{10}", product["variants"])
    for user in shop.users.values():
        assert all_match(r"(credit_card|paypal|gift_card)_\d{7}", user["payment_methods"])


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_records_refer_to_each_other_without_a_gap(shop: Database) -> None:
    assert sorted(shop.orders) == sorted(o for user in shop.users.values() for o in user["orders"])
    for order in shop.orders.values():
        user = shop.users[order["user_id"]]
        assert order["order_id"] in user["orders"]
        assert order["payment_history"][0]["payment_method_id"] in user["payment_methods"]
        total = round(sum(item["price"] for item in order["items"]), 2)
        assert [payment["amount"] for payment in order["payment_history"]] == [total] * (
            2 if order["status"] == "cancelled" else 1
        )
        assert len(order["fulfillments"]) == (order["status"] != "pending")
        for item in order["items"]:
            variant = shop.products[item["product_id"]]["variants"][item["item_id"]]
            assert (item["price"], item["options"]) == (variant["price"], variant["options"])


@pytest.mark.parametrize("shop", SHOPS, ids=lambda shop: shop.name)
def test_variants_of_a_product_are_all_different_and_some_are_available(shop: Database) -> None:
    for product in shop.products.values():
        variants = list(product["variants"].values())
        assert 4 <= len(variants) <= 8
        assert len({tuple(v["options"].items()) for v in variants}) == len(variants)
        assert sum(v["available"] for v in variants) * 2 >= len(variants)
        assert not all(v["available"] for v in variants)


def test_a_product_is_never_named_like_part_of_another() -> None:
    names = [kind.name.lower() for kind in KINDS]
    assert not [(a, b) for a in names for b in names if a != b and a in b]


def test_an_option_value_tells_its_option() -> None:
    for kind in KINDS:
        values = [value for values in kind.options.values() for value in values]
        assert len(set(values)) == len(values), kind.name
        assert kind.options.keys() <= OPTION_PHRASES.keys()


def all_match(pattern: str, texts: Iterable[str]) -> bool:
    return all(re.fullmatch(pattern, text) for text in texts)
