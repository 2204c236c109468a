"""What is learnt from a server's refusals: by whom, for how long, and what is said of it."""

import asyncio
import json

import pytest

from harness.errors import ConfigError, ProviderError, RolloutFault
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.testing.wires import Reply
from harness.types import Message
from tests.llm.oddities import LOOK, refusing

WIRES = ("claude", "openai", "gemini")
ASK = [Message(role="user", content="Hello")]
GOOD = Reply(text="Good day.")
SMALL = ("eval", "--domain", "retail", "--policy", "expert", "--tasks", 4, "--trials", 2)


def ask(way, spec="openai:m", role="agent", **more):
    chat = way.chat(role, spec)
    asked = chat.ask(ASK, system="Obey.", version="1", tools=[LOOK], seed=7, **more)
    return asyncio.run(asked).message.content


def test_all_roles_learn_from_one_refusal_and_it_is_said_once(serve, calls) -> None:
    server = serve("openai", refusing("seed", words="seed: Extra inputs are not permitted"))
    way = calls()
    for role in ("agent", "user", "judge", "agent"):
        assert ask(way, role=role) == "Good day."
    assert ["seed" in asked.body for asked in server.asked] == [True, False, False, False, False]
    assert way.summary().count("takes no seed") == 1
    noted = {role: counts.notes for role, counts in way.shared.ledger.roles.items()}
    words = "m takes no seed: it was left out"
    assert {role: notes[words] for role, notes in noted.items()} == {
        "agent": 2, "user": 1, "judge": 1,
    }  # fmt: skip


def test_refusals_that_were_learnt_from_leave_all_retries_for_real_failures(serve, calls) -> None:
    answers = iter(
        [
            Reply(status=400, error="seed: not permitted"),
            Reply(status=400, error="temperature: not permitted"),
            Reply(status=503, error="busy"),
            Reply(status=503, error="busy"),
            GOOD,
        ]
    )
    server = serve("openai", lambda asked: next(answers))
    way = calls(options={"retries": 2, "first_pause": 0.0})
    assert ask(way, temperature=0.5) == "Good day."
    assert way.shared.ledger.of("agent").attempts == len(server.asked) == 5


REQUEST = {
    "model": "m", "temperature": 0.5, "messages": [{"role": "system", "content": None}],
    "max_completion_tokens": 9, "seed": 7,
}  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        f"{json.dumps(REQUEST)}: seed is not supported",
        f"in the body {REQUEST!r}, seed is not supported",
        json.dumps({"input": {**REQUEST, "x": {"y": [{}]}}, "loc": ["body", "seed"]}),
        json.dumps(json.dumps({"body": REQUEST, "unknown": "seed"})),
    ],
)
def test_what_a_refusal_repeats_of_the_request_is_not_left_out(serve, calls, words) -> None:
    server = serve("openai", refusing("seed", words=words))
    way = calls()
    assert ask(way, temperature=0.5) == "Good day."
    first, second = (asked.body for asked in server.asked)
    assert first.keys() - second.keys() == {"seed"}
    assert second["messages"] == first["messages"]


def test_words_of_a_conversation_that_a_refusal_repeats_are_not_its_own(serve, calls) -> None:
    told = {**REQUEST, "messages": [{"role": "user", "content": "My billing address is wrong."}]}
    serve("openai", lambda asked: Reply(status=400, error=f"{json.dumps(told)} cannot be served"))
    with pytest.raises(RolloutFault, match=r"bad_request.*cannot be served"):
        ask(calls())


def test_another_model_of_the_server_is_asked_as_ever(serve, calls) -> None:
    server = serve("openai", refusing("seed", words="seed: not permitted"))
    way = calls()
    ask(way)
    server.answer = lambda asked: GOOD
    ask(way, "openai:other")
    assert "seed" in server.asked[-1].body


def test_what_did_not_help_is_not_learnt(serve, calls) -> None:
    """The word stood in the customer's message, which the error quotes."""
    refused = Reply(status=400, error="cannot take this: 'what temperature is it? my seed ...'")
    answers = iter([refused, refused, refused, GOOD])
    server = serve("openai", lambda asked: next(answers))
    way = calls()
    with pytest.raises(RolloutFault):
        ask(way, temperature=0.5)
    assert ask(way, temperature=0.5) == "Good day."
    assert server.asked[-1].body["temperature"] == 0.5
    assert "seed" in server.asked[-1].body
    assert "takes no" not in way.summary()


def test_the_most_tokens_of_a_model_are_asked_for_from_then_on(serve, calls) -> None:
    def answer(asked):
        words = "This model supports at most 2048 completion tokens"
        too_many = asked.body["max_completion_tokens"] > 2048
        return Reply(status=400, error=words) if too_many else GOOD

    server = serve("openai", answer)
    way = calls()
    for _ in range(3):
        ask(way)
    sent = [asked.body["max_completion_tokens"] for asked in server.asked]
    assert sent == [4096, 2048, 2048, 2048]


def test_an_answer_may_be_too_long_for_the_model_and_then_for_the_context(serve, calls) -> None:
    def answer(asked):
        most = asked.body["max_completion_tokens"]
        if most > 2048:
            return Reply(status=400, error="supports at most 2048 completion tokens")
        full = "context length is 8192 tokens and your request has 7000 input tokens"
        return Reply(status=400, error=full) if most > 1192 else GOOD

    server = serve("openai", answer)
    assert ask(calls()) == "Good day."
    sent = [asked.body["max_completion_tokens"] for asked in server.asked]
    assert sent == [4096, 2048, 1192]


def test_where_there_is_no_room_for_an_answer_the_conversation_is_too_long(serve, calls) -> None:
    words = "context length is 8192 tokens and your request has 8190 input tokens, maximum context"
    server = serve("openai", lambda asked: Reply(status=400, error=words))
    with pytest.raises(RolloutFault) as fault:
        ask(calls())
    assert fault.value.kind == "context_overflow"
    assert len(server.asked) == 1


def test_a_server_that_always_wants_another_change_is_not_asked_for_ever(serve, calls) -> None:
    def answer(asked):
        most = asked.body["max_completion_tokens"] - 1
        return Reply(status=400, error=f"supports at most {most} completion tokens")

    server = serve("openai", answer)
    with pytest.raises(RolloutFault):
        ask(calls())
    assert len(server.asked) < 20


@pytest.mark.parametrize("wire", WIRES)
def test_omit_refuses_what_the_wire_cannot_do_without(serve, wire) -> None:
    serve(wire, lambda asked: GOOD)
    with pytest.raises(ConfigError, match="cannot omit 'messages'") as error:
        open_registry().make("chat model", wire, Settings(options={"omit": ["messages"]}))
    assert wire in error.value.hint


# --- all refused alike ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 422])
def test_a_run_whose_every_first_request_is_refused_stops_with_the_servers_words(
    serve, command, status
) -> None:
    answer = Reply(status=status, error="registry/m does not support chat")
    server = serve("openai", lambda asked: answer)
    outcome = command(*SMALL, "--simulator", "openai", "--out", "run")
    assert outcome.status == 1
    assert "all requests are refused alike" in outcome.err
    assert "does not support chat" in outcome.err.replace("\n", " ")
    assert "Traceback" not in outcome.err
    assert len(server.asked) <= 8


def test_requests_refused_in_other_words_do_not_stop_a_run(serve, calls) -> None:
    words = iter(["no cats", "no dogs", "no birds"])
    serve("openai", lambda asked: Reply(status=400, error=next(words)))
    way = calls()
    for _ in range(3):
        with pytest.raises(RolloutFault):
            ask(way)


def test_one_answer_shows_that_not_all_are_refused(serve, calls) -> None:
    refused = Reply(status=400, error="flagged by the filter")
    answers = iter([GOOD, refused, refused, refused])
    serve("openai", lambda asked: next(answers))
    way = calls()
    ask(way)
    for _ in range(3):
        with pytest.raises(RolloutFault):
            ask(way)


def test_a_run_that_had_answers_goes_on_after_refusals_alike(serve, calls) -> None:
    answers = iter([GOOD])
    serve("openai", lambda asked: next(answers, Reply(status=400, error="flagged by the filter")))
    first, second = calls(), calls()
    ask(first)
    second.shared.ledger.recall(first.shared.ledger.plain())
    for _ in range(3):
        with pytest.raises(RolloutFault):
            ask(second)


def test_as_many_as_are_open_at_once_must_be_refused(serve, calls) -> None:
    """Four of ten are refused before the others get their answers."""

    def answer(asked):
        is_bad = "bad" in asked.turns[-1][1]
        return Reply(status=400, error="flagged") if is_bad else Reply(text="Yes.", seconds=0.5)

    serve("openai", answer)
    chat = calls().chat("agent", "openai:m")

    async def talk(name):
        said = [Message(role="user", content=name)]
        return await chat.ask(said, system="", version="1")

    async def all_of_them():
        names = ["good"] * 6 + ["bad"] * 4
        return await asyncio.gather(*map(talk, names), return_exceptions=True)

    found = asyncio.run(all_of_them())
    assert not any(isinstance(each, ProviderError) for each in found)
    assert sum(isinstance(each, RolloutFault) for each in found) == 4
