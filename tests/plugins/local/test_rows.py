from __future__ import annotations

import json

from harness_local.rows import Row, rows


def texts(content: str) -> list[str]:
    return [row.text for row in rows(content)]


def test_each_record_is_a_row_with_the_id_of_what_contains_it() -> None:
    order = {
        "order_id": "#W2611340",
        "status": "pending",
        "items": [
            {
                "name": "Puzzle",
                "product_id": "1808611083",
                "item_id": "6245746168",
                "price": 294.47,
                "options": {"pieces": "1500", "theme": "animals"},
            }
        ],
    }
    assert texts(json.dumps(order)) == [
        "#W2611340 pending",
        "pending Puzzle 1500 animals 1808611083 6245746168 #W2611340 price 294.47",
    ]


def test_a_map_from_ids_to_records_is_rows_and_flags_are_words() -> None:
    product = {
        "name": "Shirt",
        "product_id": "9523456873",
        "variants": {
            "1111111111": {"item_id": "1111111111", "options": {"size": "M"}, "available": True},
            "2222222222": {"item_id": "2222222222", "options": {"size": "L"}, "available": False},
        },
    }
    assert texts(json.dumps(product)) == [
        "Shirt 9523456873",
        "9523456873 available M 1111111111",
        "9523456873 not available L 2222222222",
    ]


def test_a_record_that_lacks_its_own_key_gets_it() -> None:
    assert texts('{"1111111111": {"name": "Puzzle"}}') == ["Puzzle 1111111111"]


def test_names_stay_with_ids_where_the_keys_are_data() -> None:
    assert texts('{"Puzzle": "1808611083", "Shirt": "9523456873"}') == [
        "Puzzle 1808611083 Shirt 9523456873"
    ]


def test_nothing_is_said_of_what_is_empty() -> None:
    assert texts('{"id": "a", "reason": null, "items": [], "note": "", "address": {}}') == ["a"]


def test_numbers_have_no_decimals_or_two() -> None:
    assert texts('{"amount": 17.80000000000001, "count": 3}') == ["amount 17.80 count 3"]
    assert texts('{"amount": 12.0}') == ["amount 12"]
    assert texts('{"amount": NaN, "count": Infinity}') == ["amount nan count inf"]


def test_text_that_is_no_json_comes_back_as_it_is() -> None:
    assert texts("Error: Order not found") == ["Error: Order not found"]
    assert texts("12.50") == ["12.50"]
    assert texts('"plain"') == ["plain"]
    assert texts("") == [""]


def test_a_row_has_the_few_words_of_what_contains_it() -> None:
    kinds = '{"1000000001": {"color": "red", "size": "S"}}'
    shop = f'{{"name": "Mug", "about": "one two three four five", "kinds": {kinds}}}'
    assert rows(shop)[-1] == Row(cue="red S", after="1000000001 kinds")
    assert rows(shop)[-1].of == "Mug"


def test_lists_of_records_at_the_top_are_rows() -> None:
    assert texts('[{"id": "a", "city": "Rome"}, {"id": "b", "city": "Oslo"}]') == [
        "a Rome",
        "b Oslo",
    ]


def test_what_describes_a_record_is_kept_apart() -> None:
    card = '{"id": "u", "ways": [{"source": "credit_card", "brand": "visa", "id": "card_4711"}]}'
    assert rows(card)[-1] == Row(cue="credit_card visa", after="card_4711 u")


def test_flags_come_first_and_numbers_last() -> None:
    shop = '{"id": "p", "kinds": [{"color": "red", "size": "S", "id": "1000000001", "new": true, '
    assert texts(shop + '"price": 9.5}]}')[-1] == "new red S 1000000001 p price 9.50"


def test_one_word_says_less_than_what_it_belongs_to() -> None:
    paid = '{"id": "#W2611340", "paid": [{"type": "payment", "amount": 5, "by": "card_4711"}]}'
    assert texts(paid)[-1] == "#W2611340 payment by card_4711 amount 5"


def test_a_list_of_ids_says_what_they_are_of() -> None:
    sent = '{"id": "o", "sent": [{"tracking_id": ["123456789"], "item_ids": ["1000000001"]}]}'
    assert texts(sent)[-1] == "tracking 123456789 item 1000000001 o"


def test_records_of_a_list_within_a_list_are_one_row() -> None:
    pairs = [
        [{"flight": "HAT0012", "from": "ROM"}, {"flight": "HAT0034", "from": "BER"}],
        [{"flight": "HAT0012", "from": "ROM"}, {"flight": "HAT0056", "from": "PAR"}],
    ]
    assert texts(json.dumps(pairs)) == [
        "ROM flight HAT0012 BER flight HAT0034",
        "ROM flight HAT0012 PAR flight HAT0056",
    ]


def test_tables_with_the_same_keys_are_told_key_by_key() -> None:
    flight = {"number": "HAT0012", "seats": {"economy": 3, "business": 1}}
    prices = {"economy": 120, "business": 300}
    assert texts(json.dumps([{**flight, "prices": prices}])) == [
        "number HAT0012 economy 3 120 business 1 300"
    ]
    assert texts(json.dumps([{**flight, "prices": {"economy": 120}}])) == [
        "number HAT0012 seats economy 3 business 1 prices economy 120"
    ]
    assert texts(json.dumps([flight])) == ["number HAT0012 seats economy 3 business 1"]


def test_times_of_day_are_words_without_seconds() -> None:
    assert texts(json.dumps([{"leaves": "07:30:00", "id": "HAT0012"}])) == ["07:30 HAT0012"]


def test_a_code_stands_behind_the_name_that_it_is_for() -> None:
    assert texts(json.dumps([{"code": "BER", "city": "Berlin"}])) == ["Berlin BER"]
    assert texts(json.dumps([{"from": "BER", "to": "ROM"}])) == ["BER ROM"]


def test_a_lone_number_has_no_decimals_or_two() -> None:
    assert texts("494.0") == ["494"]
    assert texts("31.5") == ["31.50"]
