"""Arguments of calls are held against the JSON schema of their tool."""

from __future__ import annotations

import pytest

from harness.types import Json, Tool
from harness_taskkit.arguments import check_arguments
from harness_taskkit.state import ToolError

TOOL = Tool(
    name="book",
    description="",
    kind="write",
    parameters={
        "type": "object",
        "properties": {
            "insured": {"type": "boolean"},
            "seats": {"type": "array", "items": {"type": "integer"}},
            "meals": {"type": "array", "items": {"type": "string", "enum": ["fish", "beans"]}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "card": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "year": {"type": "integer"}},
                "required": ["name"],
            },
            "stops": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "nights": {"type": "number"}},
                    "required": ["city", "nights"],
                },
            },
            "grid": {"type": "array", "items": {"type": "array", "items": {"type": "string"}}},
            "extra": {},
        },
        "required": [],
    },
)


@pytest.mark.parametrize(
    "arguments",
    [
        {"insured": True},
        {"seats": [1, 2]},
        {"meals": ["fish"], "note": None},
        {"note": "late"},
        {"card": {"name": "A"}},
        {"stops": [{"city": "Rome", "nights": 2.5}], "grid": [["a"], []]},
        {"extra": {"anything": 1}},
    ],
)
def test_what_the_schema_allows_passes(arguments: dict[str, Json]) -> None:
    check_arguments(TOOL, arguments, "Kit", typed=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"insured": "yes"}, "insured should be a boolean, found a string"),
        ({"seats": 1}, "seats should be a list of integers, found an integer"),
        ({"seats": [True]}, "seats should be a list of integers, found a boolean in it"),
        ({"meals": ["ham"]}, "each of meals should be one of fish, beans; found 'ham'"),
        ({"note": 1}, "note should be a string or null, found an integer"),
        ({"card": {"year": 1}}, "card needs name; found no name"),
        ({"card": {"name": "A", "year": "b"}}, "year in card should be an integer, found a string"),
        ({"stops": [{"city": "Rome"}]}, "each of stops needs city, nights; found no nights"),
        ({"grid": [[1]]}, "each of grid should be a list of strings, found an integer in it"),
        ({"grid": ["a"]}, "grid should be a list of arrays, found a string in it"),
    ],
)
def test_what_it_does_not_allow_is_named(arguments: dict[str, Json], said: str) -> None:
    with pytest.raises(ToolError) as error:
        check_arguments(TOOL, arguments, "Kit", typed=True)
    assert str(error.value) == said
