"""One signature makes the schema that an agent reads and the checks that its calls meet."""

from typing import Annotated, Literal

import pytest
from pydantic import Field

from harness.evaluation.typed_tools import Refused, TypedWorld, tool, tools_of
from harness.types import Changes, Json, ToolCall


class Shelf(TypedWorld):
    def __init__(self) -> None:
        self.lent: list[str] = []

    @tool("read", identifies=True)
    def find(self, title: Annotated[str, Field(description="The title.")]) -> Json:
        """Find a book."""
        return {"book_id": title.lower()}

    @tool("write", nouns={"book_id": "book"}, closes="book_id")
    def lend(self, book_id: str, branch: Literal["north", "south"], days: int = 14) -> str:
        """Lend a book."""
        if book_id in self.lent:
            raise Refused(f"{book_id} is lent already")
        self.lent.append(book_id)
        return f"lent for {days} days"

    @tool("write", requestor="user")
    def sign(self) -> str:
        """Sign the form."""
        return "signed"

    def changes(self) -> Changes:
        return ()


class BranchShelf(Shelf):
    @tool("generic")
    def bug(self) -> str:
        """Break."""
        raise ValueError("no answer")


def call(name: str, requestor: Literal["agent", "user"] = "agent", **arguments: Json) -> ToolCall:
    return ToolCall(name=name, arguments=arguments, requestor=requestor)


def test_the_schema_comes_from_the_signature() -> None:
    find, lend = tools_of(Shelf)
    assert find.parameters == {
        "type": "object",
        "properties": {"title": {"type": "string", "description": "The title."}},
        "required": ["title"],
        "additionalProperties": False,
    }
    assert (find.description, find.kind, find.identifies) == ("Find a book.", "read", True)
    assert lend.parameters["required"] == ["book_id", "branch"]
    assert lend.parameters["properties"]["branch"]["enum"] == ["north", "south"]  # type: ignore
    assert (lend.noun("book_id"), lend.closes) == ("book", "book_id")


def test_tools_of_the_user_are_apart_and_inherited_ones_come_first() -> None:
    assert [one.name for one in tools_of(Shelf, "user")] == ["sign"]
    assert [one.name for one in tools_of(BranchShelf)] == ["find", "lend", "bug"]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (call("lend", book_id="b", branch="east"), "branch: input should be 'north' or 'south'"),
        (call("lend", book_id=3, branch="north"), "book_id: input should be a valid string"),
        (call("lend", branch="north"), "book_id: field required"),
        (call("lend", book_id="b", location="north"), "branch: field required"),
        (call("find", title="T", x=1), "x: extra inputs are not permitted"),
        (call("burn"), "there is no tool 'burn'"),
        (call("call"), "there is no tool 'call'"),
        (call("sign"), "there is no tool 'sign'"),
    ],
)
def test_a_call_that_the_signature_does_not_allow_is_an_error_in_words(
    made: ToolCall, said: str
) -> None:
    result = Shelf().call(made)
    assert result.is_error
    assert said in result.content


def test_what_a_tool_refuses_is_an_error_and_what_breaks_is_not_hidden() -> None:
    shelf = BranchShelf()
    lend = call("lend", book_id="b", branch="north")
    assert shelf.call(lend).content == "lent for 14 days"
    assert shelf.call(lend).content == "Error: b is lent already"
    assert shelf.call(call("find", title="Emma")).content == '{"book_id": "emma"}'
    assert shelf.call(call("sign", "user")).content == "signed"
    with pytest.raises(ValueError, match="no answer"):
        shelf.call(call("bug"))
