"""The official retail database, read into our records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ConfigError
from harness_retail.official_shop import NAME, official_database

ADDRESS = {
    "zip": "78700", "state": "TX", "city": "Austin", "country": "USA", "address2": "Apt 2",
    "address1": "1 Oak Lane",
}  # fmt: skip


def contents() -> dict[str, Any]:
    """A database with one record of each kind, keys in no particular order, amounts unlike ours."""
    return {
        "orders": {
            "#W1": {
                "status": "pending",
                "order_id": "#W1",
                "user_id": "ada_reed_1000",
                "address": ADDRESS,
                "items": [],
                "payment_history": [
                    {"amount": 12, "transaction_type": "payment", "payment_method_id": "card_1"}
                ],
                "fulfillments": [],
                "return_items": ["11"],
            }
        },
        "users": {
            "ada_reed_1000": {
                "orders": ["#W1"],
                "user_id": "ada_reed_1000",
                "name": {"last_name": "Reed", "first_name": "Ada"},
                "email": "ada.reed@example.com",
                "address": ADDRESS,
                "payment_methods": {
                    "card_1": {"balance": 5, "id": "card_1", "source": "gift_card"}
                },
            }
        },
        "products": {"1000": {"variants": {}, "product_id": "1000", "name": "Backpack"}},
    }


def write(folder: Path, text: str) -> Path:
    path = folder / "domains" / "retail" / "db.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return folder


def test_records_have_all_fields_in_the_order_in_which_tools_print_them(tmp_path: Path) -> None:
    database = official_database(write(tmp_path, json.dumps(contents())))
    assert database.name == NAME
    order = database.orders["#W1"]
    assert list(order)[:4] == ["order_id", "user_id", "address", "items"]
    assert list(order)[-2:] == ["return_items", "return_payment_method_id"]
    assert order["return_items"] == ["11"]
    assert order["cancel_reason"] is None
    assert order["exchange_price_difference"] is None
    assert json.dumps(order["payment_history"][0]) == (
        '{"transaction_type": "payment", "amount": 12.0, "payment_method_id": "card_1"}'
    )
    user = database.users["ada_reed_1000"]
    assert list(user["address"]) == ["address1", "address2", "city", "country", "state", "zip"]
    assert json.dumps(user["payment_methods"]["card_1"]) == (
        '{"source": "gift_card", "id": "card_1", "balance": 5.0}'
    )
    assert list(database.products["1000"]) == ["name", "product_id", "variants"]


def test_a_folder_is_read_once(tmp_path: Path) -> None:
    folder = write(tmp_path, json.dumps(contents()))
    assert official_database(folder) is official_database(folder)


def test_a_folder_without_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=str(tmp_path)) as raised:
        official_database(tmp_path)
    assert "TAU2_DATA_DIR" in raised.value.hint


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"orders": 1, "users": {}, "products": {}}', "{"]
)
def test_a_file_that_is_no_database_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"db\.json is no retail database"):
        official_database(write(tmp_path, text))


def test_a_field_of_a_wrong_type_is_named_with_its_place(tmp_path: Path) -> None:
    broken = contents()
    broken["users"]["ada_reed_1000"]["email"] = 5
    with pytest.raises(ConfigError, match=r"ada_reed_1000 / email: input should be"):
        official_database(write(tmp_path, json.dumps(broken)))
