"""Conversations without a domain: verdicts, placeholders for personal data, and tools as seen."""

from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ConfigError
from harness.interchange.expressions import Expression
from harness.interchange.foreign import Adoption, adopt, counted
from harness.interchange.inference import infer_tools, value_schema
from harness.interchange.outcomes import NO_OUTCOME, verdict
from harness.interchange.personal_data import KINDS, PersonalData, is_card, kinds_of
from harness.types import (
    Episode,
    Grade,
    Json,
    Message,
    Recording,
    Scenario,
    Score,
    Task,
    ToolCall,
    Trajectory,
)

CARD = "4111 1111 1111 1111"


def conversation(number: int, *messages: Message) -> Episode:
    id = f"c{number}"
    task = Task(id=id, domain="", split="train", scenario=Scenario(reason=""), world={})
    return Episode(
        task=task,
        trajectory=Trajectory(
            id=id, task_id=id, trial=0, policy="", seed=0, messages=messages, ended="agent_stop"
        ),
        grade=Grade(success=False, ungradeable=NO_OUTCOME),
        score=Score(success=False),
    )


def call(name: str, answer: str, **arguments: Json) -> tuple[Message, Message]:
    made = ToolCall(name=name, arguments=arguments, id="1")
    return (
        Message(role="assistant", calls=(made,)),
        Message(role="tool", content=answer, call_id="1", is_error=answer.startswith("Error")),
    )


def recording(*records: dict[str, Json], messages: tuple[Message, ...] = ()) -> Recording:
    said = messages or (Message(role="user", content="Hello"),)
    episodes = tuple(conversation(number, *said) for number, _ in enumerate(records))
    return Recording(
        domain="",
        tasks=tuple(e.task for e in episodes),
        episodes=episodes,
        originals={e.trajectory.id: r for e, r in zip(episodes, records, strict=True)},
    )


def outcomes(found: Recording) -> list[bool | None]:
    return [e.score.success if e.grade.is_decided else None for e in found.episodes]


@pytest.mark.parametrize(
    ("condition", "record", "holds"),
    [
        ("reward < 1", {"reward": 0.5}, True),
        ("reward < 1", {"reward": 1}, False),
        ("reward < 1", {}, None),
        ("reward < 1", {"reward": "high"}, None),
        ("meta.reward < 1 or errors > 2", {"errors": 3}, True),
        ("meta.reward < 1 and errors > 2", {"errors": 3}, None),
        ("0 < meta['a b'][1] <= 2", {"meta": {"a b": [0, 2]}}, True),
        ("'Refund' in last and not done", {"last": "a refund", "done": False}, True),
        ("tag not in ['a', 'b']", {"tag": "c"}, True),
        ("ok == true", {"ok": True}, True),
        ("score == -1", {"score": -1}, True),
        ("why != null", {"why": "x"}, True),
        ("app.reward == 0", {"app.reward": 0, "app": {"reward": 1}}, True),
        ("app.reward == 0", {"app": {"reward": 1}}, False),
    ],
)
def test_a_condition_compares_fields_and_says_where_it_cannot(
    condition: str, record: dict[str, Json], holds: bool | None
) -> None:
    assert Expression(condition).holds(record) is holds


@pytest.mark.parametrize(
    "condition",
    ["", "a <", "__import__('os').system('id')", "(lambda: 1)()", "[x for x in y]", "a ** 9 ** 9",
     "f'{a}'", "a if b else c", "a := 1", "1" * 2000, "(" * 500 + ")" * 500],
)  # fmt: skip
def test_nothing_but_comparisons_is_a_condition(condition: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Expression(condition)
    assert refused.value.hint


def test_verdicts_come_from_a_field_or_a_condition() -> None:
    given = recording({"r": 1.0}, {"r": 0.4}, {"r": "passed"}, {"r": None}, {})
    field = adopt(given, Adoption(outcome="r")).recording
    assert outcomes(field) == [True, False, True, None, None]
    assert field.about["outcomes"] == {"succeeded": 2, "failed": 1, "unknown": 2}
    condition = adopt(given, Adoption(failed_if="r < 0.3 or messages > 5")).recording
    assert outcomes(condition)[:2] == [True, True]
    judged = adopt(given, Adoption(judged=True)).recording
    assert all(e.grade.unjudged for e in judged.episodes)
    assert any("no verdict" in line for line in counted(field))


def test_verdicts_of_one_kind_beside_other_words_are_refused() -> None:
    words = ["resolved", "escalated", "resolved", "abandoned", "escalated", ""]
    given = recording(*({"status": word} for word in words))
    with pytest.raises(ConfigError, match="'escalated': 2, 'abandoned': 1") as refused:
        adopt(given, Adoption(outcome="status"))
    assert """--failed-if "status in ['escalated', 'abandoned']\"""" in refused.value.hint
    condition = adopt(given, Adoption(failed_if="status in ['escalated', 'abandoned']")).recording
    assert outcomes(condition) == [True, False, True, False, False, True]
    both = recording({"r": "yes"}, {"r": "no"}, {"r": "maybe"})
    assert outcomes(adopt(both, Adoption(outcome="r")).recording) == [True, False, None]


@pytest.mark.parametrize(
    ("adoption", "words"),
    [
        (Adoption(), "nothing says which"),
        (Adoption(outcome="nowhere"), "'nowhere'"),
        (Adoption(failed_if="nowhere > 1"), "no record"),
    ],
)
def test_without_a_verdict_the_fields_that_could_be_one_are_named(
    adoption: Adoption, words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        adopt(recording({"solved": True, "note": "long text"}), adoption)
    assert "solved" in refused.value.hint
    assert "note" not in refused.value.hint


def test_two_ways_to_tell_failures_are_one_too_many() -> None:
    with pytest.raises(ConfigError, match="two ways"):
        Adoption(outcome="a", failed_if="b")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        (True, True),
        (0, False),
        (1.0, True),
        ("FAILED", False),
        ("C", True),
        ("Y", True),
        ("👎", False),
        ("0.0", False),
        ("7", None),
        ("?", None),
        ([], None),
    ],
)
def test_words_and_numbers_are_verdicts(value: Json, meant: bool | None) -> None:
    assert verdict(value) is meant


# --- personal data --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "ann.lee+x@mail.example.co.uk"),
        ("email", "jürgen@müller.de"),
        ("phone", "+49 30 1234567"),
        ("phone", "(415) 555-0134"),
        ("phone", "415-555-0134"),
        ("phone", "030 1234 5678"),
        ("card", CARD),
        ("card", "4111-1111-1111-1111"),
        ("card", "378282246310005"),
        ("key", "sk-proj-abcdefghijklmnop1234"),
        ("key", "ghp_abcdefghijklmnopqrstuvwxyz012345"),
        ("key", "AKIAIOSFODNN7EXAMPLE"),
        ("key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
    ],
)
def test_personal_data_become_placeholders(kind: str, text: str) -> None:
    data = PersonalData()
    assert data.text(f"Take {text}, please.") == f"Take [{kind} 1], please."
    assert data.counts[kind] == 1


@pytest.mark.parametrize(
    "text",
    ["#W4835012", "item 8705250985", "2024-05-15 15:00", "$1,234.56", "4111 1111 1111 1112",
     "user_1234567890", "1.2.3.4", "GB83 WEST 1234 5698 7654 32", "ABCD1234EFGH5678", "900-12-3456",
     "the PIN is wrong", "PIN code 560001", "24 pin 1000 ohm", "error security code 403",
     "2024 is the year",
     "access code 2024 model", "password is 8 characters long", "Your password: 12 characters",
     "IMEI 490154203237518", "my password is not working since 2024", "pin 2024-05-15",
     "0.5 to 0.75", "a@b", "task-sk-1"],
)  # fmt: skip
def test_ordinary_numbers_and_ids_stay(text: str) -> None:
    assert PersonalData().text(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("My PIN is 4821.", "My PIN is [key 1]."),
        ("otp: 339201 now", "otp: [key 1] now"),
        ("the security code is 123, ok", "the security code is [key 1], ok"),
        ("Verification code 558812", "Verification code [key 1]"),
        ("password: hunter2!", "password: [key 1]"),
        ("password is: Hunter22.", "password is: [key 1]."),
        ("Your verification code is 482-913.", "Your verification code is [key 1]."),
        ("OTP 482 913 now", "OTP [key 1] now"),
        ("one-time code is **482913**", "one-time code is **[key 1]**"),
        ('PIN: "4821"', 'PIN: "[key 1]"'),
        ("482913 is your Acme verification code", "[key 1] is your Acme verification code"),
        ("SSN 123 45 6789.", "SSN [national_id 1]."),
        ("SSN 123-45-6789", "SSN [national_id 1]"),
        ("Pay to GB82 WEST 1234 5698 7654 32 ASAP", "Pay to [card 1] ASAP"),
        ("Pay to AT61 1904 3002 3457 3201 ASAP", "Pay to [card 1] ASAP"),
        ("DE89370400440532013000", "[card 1]"),
        ("it is gb82 west 1234 5698 7654 32 that much", "it is [card 1] that much"),
        ("de89370400440532013001", "de89370400440532013001"),
    ],
)
def test_codes_and_numbers_of_banks_and_states_are_found(text: str, masked: str) -> None:
    assert PersonalData().text(text) == masked


@pytest.mark.parametrize(
    ("name", "kind"),
    [("pin", "key"), ("otpCode", "key"), ("verificationCode", "key"), ("cvv", "card"),
     ("pwd", "key"), ("pin_code", ""), ("userPhone", "phone"), ("SSN", "national_id"),
     ("passport-number", "national_id"), ("customer.iban", "card"), ("shipping", ""),
     ("spin", ""), ("first_class", "")],
)  # fmt: skip
def test_fields_are_known_by_their_names_however_written(name: str, kind: str) -> None:
    masked = f"[{kind} 1]" if kind else "12"
    assert PersonalData().table({name: "12"}) == {name: masked}


def test_a_code_that_is_told_is_masked_where_it_is_called_with() -> None:
    messages = (
        Message(role="user", content="My PIN is 4821, for order 4822."),
        *call("open", '{"code": 4821, "orders": ["4821", 4822]}', code="4821", order="4822"),
    )
    found = PersonalData().recording(recording({}, messages=messages))
    user, made, answer = found.episodes[0].trajectory.messages
    assert user.content == "My PIN is [key 1], for order 4822."
    assert made.calls[0].arguments == {"code": "[key 1]", "order": "4822"}
    assert answer.content == '{"code": "[key 1]", "orders": ["[key 1]", 4822]}'


def test_numbers_and_lists_in_fields_are_masked_like_texts() -> None:
    given: dict[str, Json] = {"n": 4111111111111111, "otp": ["482913", 7], "phone": [{"x": 1}]}
    assert PersonalData().table(given) == {
        "n": "[card 1]", "otp": ["[key 1]", "[key 2]"], "phone": [{"x": 1}],
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["pin", "otp ", "password:", "password is ", "-eyJaaaaaaaa", "PIN* "]
)
def test_long_texts_are_searched_in_linear_time(text: str) -> None:
    long = text + " " * 200_000 + text * 20_000
    assert PersonalData().text(long) == long


def test_the_same_value_gets_the_same_placeholder_wherever_it_stands() -> None:
    messages = (
        Message(role="user", content=f"I am Ann Lee, ann@x.org, card {CARD}. Call 415-555-0134."),
        *call(
            "find", '{"email": "Ann@x.org", "phone": 4155550134, "id": "#W1"}', email="ann@x.org"
        ),
        Message(role="assistant", content="Thank you, Ann."),
    )
    data = PersonalData(KINDS)
    found = data.recording(recording({"by": "ann@x.org"}, messages=messages))
    user, made, answer, said = found.episodes[0].trajectory.messages
    assert user.content == "I am [name 1], [email 1], card [card 1]. Call [phone 1]."
    assert made.calls[0].arguments == {"email": "[email 1]"}
    assert answer.content == '{"email": "[email 1]", "phone": "[phone 1]", "id": "#W1"}'
    assert said.content == "Thank you, [name 2]."
    assert found.originals["c0"] == {"by": "[email 1]"}
    assert data.counts["email"] == 4


def test_redaction_is_on_by_default_counted_and_said() -> None:
    given = recording({"r": 0}, messages=(Message(role="user", content="I am a@b.org"),))
    found = adopt(given, Adoption(outcome="r")).recording
    assert found.episodes[0].trajectory.messages[0].content == "I am [email 1]"
    assert counted(found)[0] == "redacted: 1 email, 0 phone, 0 card, 0 key, 0 national_id"
    plain = adopt(given, Adoption(outcome="r", redact=())).recording
    assert plain.episodes[0].trajectory.messages[0].content == "I am a@b.org"


def test_secrets_of_this_machine_are_masked_even_without_redaction(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOME_API_KEY", "canary-5f2c9a71d0")
    assert "canary" not in PersonalData(()).text("the key is canary-5f2c9a71d0")


def test_kinds_are_named_and_misspelt_ones_refused() -> None:
    assert kinds_of("name,email") == ("email", "name")
    assert kinds_of("none") == ()
    with pytest.raises(ConfigError, match="'mail'"):
        kinds_of("mail")


def test_a_card_has_the_beginning_length_and_check_digit_of_one() -> None:
    assert is_card(CARD)
    assert is_card("3782 822463 10005")
    assert not is_card("4111 1111 1111 1113")
    assert not is_card("0000 0000 0000 0000")
    assert not is_card("490154203237518"), "an IMEI"
    assert not is_card("9780306406157000"), "begins like no card"


# --- tools ----------------------------------------------------------------------------------------


def test_tools_are_inferred_with_schema_kind_and_reason() -> None:
    messages = (
        *call("get_order", "{}", id="#1"),
        *call("get_order", "Error: none"),
        *call("cancelOrder", "ok", id="#1", items=["a"], force=True),
        *call("cancelOrder", "ok", id="#2", items=["b"]),
        *call("poke", "1"),
        *call("poke", "2"),
    )
    found = {one.tool.name: one for one in infer_tools([conversation(0, *messages)])}
    assert {name: one.tool.kind for name, one in found.items()} == {
        "get_order": "read", "cancelOrder": "write", "poke": "write",
    }  # fmt: skip
    parameters: Any = found["cancelOrder"].tool.parameters
    assert parameters["required"] == ["id", "items"]
    assert parameters["properties"]["items"] == {"type": "array", "items": {"type": "string"}}
    assert found["get_order"].tool.parameters["required"] == ["id"], "bad calls are no examples"
    assert (found["get_order"].calls, found["get_order"].errors) == (2, 1)
    assert found["get_order"].sure
    assert not found["poke"].sure
    assert "different ways" in found["poke"].why


def test_closed_lists_and_mixed_types_are_seen() -> None:
    assert value_schema(["on", "off"] * 5) == {"type": "string", "enum": ["off", "on"]}
    assert value_schema([1, 2.5]) == {"type": "number"}
    assert value_schema([1, "a", None]) == {"type": ["integer", "null", "string"]}
    assert "enum" not in value_schema([f"#W{n}" for n in range(5)] * 9)


def test_declared_tools_keep_their_schema() -> None:
    episode = conversation(0, *call("get", "ok", id=1))
    [one] = infer_tools([episode])
    declared = replace(one.tool, parameters={"type": "object"}, kind="generic")
    [again] = infer_tools([episode], [declared])
    assert again.declared
    assert (again.tool.parameters, again.tool.kind) == ({"type": "object"}, "read")
