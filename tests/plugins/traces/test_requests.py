"""Logged requests to a provider: in each provider's form, and joined into conversations."""

import json
from typing import Any

import pytest

from harness.types import Episode, Recording
from harness_traces.chat_lines import ChatFormat, Options
from harness_traces.joining import JOINED
from tests.plugins.traces.conftest import Log, agent, result, user

CHAT = [user("Hello"), agent(find={"id": 1}), result({"ok": True}), agent("Done?"), user("Yes")]
SAID = agent("Good bye.")


def read(log: Log, *records: Any) -> Recording:
    path = log(records)
    assert ChatFormat(Options()).recognises(path)
    return ChatFormat(Options()).read(path)


def request(*messages: Any, **fields: Any) -> dict[str, Any]:
    """A request with all but the last message, which came back."""
    *sent, answer = messages
    return {"messages": sent, "response": {"choices": [{"message": answer}]}, **fields}


def turns(*messages: Any, **fields: Any) -> list[dict[str, Any]]:
    """A request for each thing that the agent said."""
    ends = [n for n, m in enumerate(messages, 1) if m["role"] == "assistant"]
    return [request(*messages[:end], **fields) for end in ends]


def spoken(episode: Episode) -> list[tuple[str, str, list[str]]]:
    return [
        (m.role, m.content, [call.name for call in m.calls]) for m in episode.trajectory.messages
    ]


WHOLE = [
    ("user", "Hello", []),
    ("assistant", "", ["find"]),
    ("tool", '{"ok": true}', []),
    ("assistant", "Done?", []),
    ("user", "Yes", []),
    ("assistant", "Good bye.", []),
]


# --- forms ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        {"request": {"messages": CHAT}, "response": {"choices": [{"message": SAID}]}},
        {"inputs": {"messages": CHAT}, "outputs": {"choices": [{"message": SAID}]}},
        {"input": {"messages": CHAT}, "output": SAID},
        {"body": {"messages": CHAT}, "response": {"body": {"choices": [{"message": SAID}]}}},
        {"messages": CHAT, "response": {"message": SAID, "done": True}},
        {
            "messages": [*CHAT, SAID],
            "response": {"choices": [{"message": {**SAID, "refusal": None}}]},
        },
        {"messages": None, "request": {"messages": CHAT}, "response": {"message": SAID}},
        {"messages": {}, "proxy_server_request": {"messages": CHAT}, "response": {"message": SAID}},
        {"messages": CHAT, "response": json.dumps({"choices": [{"message": SAID}]})},
        {"messages": CHAT, "output": "Good bye."},
        {"messages": CHAT, "response": {"content": [{"type": "text", "text": "Good bye."}]}},
        {"conversation": "conv_1", "input": CHAT, "output": [SAID]},
    ],
)
def test_a_request_may_be_inside_a_record_and_the_answer_beside_it(
    log: Log, record: dict[str, Any]
) -> None:
    [episode] = read(log, record).episodes
    assert spoken(episode) == WHOLE


def test_a_request_that_failed_is_one_without_an_answer_and_says_why(log: Log) -> None:
    recording = read(log, {"input": "Hello", "response": None, "error": {"code": 500}})
    [episode] = recording.episodes
    assert spoken(episode) == [("user", "Hello", [])]
    rest = recording.originals[episode.trajectory.id]
    assert rest == {"response": None, "error": {"code": 500}}


def test_blocks_of_an_answer_are_one_message(log: Log) -> None:
    blocks = [
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "t", "name": "find", "input": {"id": 1}},
    ]
    [episode] = read(log, {"messages": [user("Hello")], "output": blocks}).episodes
    assert spoken(episode) == [("user", "Hello", []), ("assistant", "Let me look.", ["find"])]


def test_types_stand_for_roles_and_other_types_are_no_messages(log: Log) -> None:
    made = {"name": "find", "args": {"id": 1}, "id": "c"}
    dumped = [
        {"type": "system", "content": "Be kind."},
        {"type": "human", "content": "Hello"},
        {"type": "ai", "content": "", "tool_calls": [made]},
        {"type": "tool", "tool_call_id": "c", "content": "found"},
        {"type": "ai", "content": "Done?"},
    ]
    recording = read(log, {"inputs": {"messages": dumped}})
    [episode] = recording.episodes
    assert spoken(episode) == [
        ("user", "Hello", []),
        ("assistant", "", ["find"]),
        ("tool", "found", []),
        ("assistant", "Done?", []),
    ]
    assert dict(episode.trajectory.calls[0].arguments) == {"id": 1}
    assert recording.about["system"] == "Be kind."
    events = log([{"messages": [{"type": "event", "name": "page_view"}]}])
    assert not ChatFormat(Options()).recognises(events)


def test_the_text_that_a_custom_tool_takes_is_no_broken_call(log: Log) -> None:
    items = [{"type": "custom_tool_call", "call_id": "c", "name": "run", "input": "print(1)"}]
    [episode] = read(log, {"input": "Run it.", "output": items}).episodes
    assert dict(episode.trajectory.calls[0].arguments) == {"input": "print(1)"}


def test_the_fields_of_a_request_inside_a_record_count_as_those_of_the_record(log: Log) -> None:
    declared = [{"type": "function", "function": {"name": "find"}}]
    body = {"model": "m-1", "messages": CHAT, "tools": declared, "user": "x"}
    recording = read(log, {"request": body, "output": SAID, "stars": 2})
    [episode] = recording.episodes
    assert episode.trajectory.policy == "m-1"
    assert [tool.name for tool in recording.tools] == ["find"]
    assert recording.originals[episode.trajectory.id] == {"model": "m-1", "user": "x", "stars": 2}


def test_items_of_the_responses_api_are_messages_calls_and_results(log: Log) -> None:
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ""}]},
        {"type": "function_call", "call_id": "c1", "name": "find", "arguments": '{"id": 1}'},
        {"type": "function_call", "call_id": "c2", "name": "find", "arguments": '{"id": 2}'},
        {"type": "function_call_output", "call_id": "c1", "output": '{"ok": true}'},
        {"type": "function_call_output", "call_id": "c2", "output": "Error: none"},
    ]
    refusal = {"type": "refusal", "refusal": "I can't."}
    answer = {"output": [{"type": "message", "role": "assistant", "content": [refusal]}]}
    recording = read(log, {"instructions": "Be kind.", "input": items, "response": answer})
    [episode] = recording.episodes
    assert spoken(episode) == [
        ("user", "Hello", []),
        ("assistant", "", ["find", "find"]),
        ("tool", '{"ok": true}', []),
        ("tool", "Error: none", []),
        ("assistant", "I can't.", []),
    ]
    assert [dict(call.arguments) for call in episode.trajectory.calls] == [{"id": 1}, {"id": 2}]
    assert [m.is_error for m in episode.trajectory.messages if m.role == "tool"] == [False, True]
    assert recording.about["system"] == "Be kind."
    assert recording.about["odd"] == {}


def test_what_the_provider_called_itself_is_a_call_with_its_result(log: Log) -> None:
    items = [
        {"type": "mcp_call", "id": "m", "name": "find", "arguments": "{}", "output": "found"},
        {"type": "web_search_call", "id": "w", "status": "completed"},
        {"type": "message", "role": "assistant", "content": "Here."},
    ]
    recording = read(log, {"input": "Find it.", "output": items})
    [episode] = recording.episodes
    assert spoken(episode) == [
        ("user", "Find it.", []),
        ("assistant", "", ["find"]),
        ("tool", "found", []),
        ("assistant", "[web_search_call]", []),
        ("assistant", "Here.", []),
    ]
    assert recording.about["odd"] == {"parts of messages that are no text": 1}


def test_records_deep_inside_others_are_found(log: Log) -> None:
    def wrapped(name: str, value: Any) -> Any:
        for _ in range(40):
            value = {name: value}
        return value

    record = {"input": wrapped("input", {"messages": CHAT}), "output": wrapped("body", SAID)}
    [episode] = read(log, record).episodes
    assert spoken(episode) == WHOLE


# --- joined ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, -1])
def test_the_requests_of_a_conversation_are_one_whatever_their_order(log: Log, order: int) -> None:
    recording = read(log, *turns(*CHAT, SAID)[::order])
    [episode] = recording.episodes
    assert spoken(episode) == WHOLE
    assert recording.about["odd"] == {JOINED: 2}


def test_ids_and_blanks_that_a_client_changes_do_not_part_a_conversation(log: Log) -> None:
    said = agent("One moment. ", find={"id": 1})
    sent = {**agent("One moment.", find={"id": 1}), "name": "bot"}
    sent["tool_calls"][0]["id"] = "other"
    first = request(user("Hello"), said)
    second = request(user("Hello"), sent, result("found", "other"), agent("Found."))
    [episode] = read(log, first, second).episodes
    assert len(episode.trajectory.messages) == 4


def test_conversations_that_begin_alike_stay_apart(log: Log) -> None:
    begun = [user("Hello"), agent("Hi! What is it?")]
    first = turns(*begun, user("A"), agent("Done A."))
    second = turns(*begun, user("B"), agent("Done B."))
    left = turns(*begun)
    recording = read(log, *first, *second, *left)
    assert [e.trajectory.messages[-1].content for e in recording.episodes] == [
        "Done A.",
        "Done B.",
        "Hi! What is it?",
    ]


@pytest.mark.parametrize("where", ["record", "metadata"])
def test_requests_that_name_their_conversations_are_joined_within_one_alone(
    log: Log, where: str
) -> None:
    def named(id: str) -> dict[str, Any]:
        return {"session_id": id} if where == "record" else {"metadata": {"session_id": id}}

    begun = request(user("Hello"), agent("Hi! What is it?"), **named("b"))
    other = request(
        user("Hello"), agent("Hi! What is it?"), user("A"), agent("Done."), **named("a")
    )
    assert len(read(log, begun, other).episodes) == 2


def test_a_verdict_on_an_earlier_request_counts_for_the_conversation(log: Log) -> None:
    first, *_, last = turns(*CHAT, SAID)
    recording = read(log, {**first, "stars": 1, "n": 1}, {**last, "stars": None, "n": 2})
    [episode] = recording.episodes
    assert recording.originals[episode.trajectory.id] == {"stars": 1, "n": 2}


def test_what_only_earlier_requests_say_is_kept(log: Log) -> None:
    first, *_, last = turns(*CHAT, SAID)
    declared = [{"type": "function", "function": {"name": "find"}}]
    given = {"session_id": "a", "stars": 1}
    recording = read(
        log,
        {**first, "tools": declared, "metadata": given},
        {**last, "metadata": {"session_id": "a"}},
    )
    [episode] = recording.episodes
    assert recording.originals[episode.trajectory.id] == {"metadata": given}
    assert [tool.name for tool in recording.tools] == ["find"]


def test_a_retry_in_one_conversation_is_no_other_one(log: Log) -> None:
    failed = {"messages": CHAT, "response": {"error": "busy"}, "conversation": {"id": "a"}}
    *_, last = turns(*CHAT, SAID, conversation="a")
    [episode] = read(log, failed, failed, last, last).episodes
    assert spoken(episode) == WHOLE


def test_requests_of_two_users_that_begin_alike_are_not_joined(log: Log) -> None:
    [first] = turns(user("Hello"), agent("Hi!"), user="ann")
    last = request(user("Hello"), agent("Hi!"), user("A"), agent("Done."), user="bob")
    assert len(read(log, first, last).episodes) == 2


def test_conversations_that_are_no_requests_are_left_as_they_are(log: Log) -> None:
    recording = read(log, {"messages": CHAT[:4]}, {"messages": [*CHAT, SAID]}, {"messages": CHAT})
    assert [len(e.trajectory.messages) for e in recording.episodes] == [4, 6, 5]


def test_tries_at_different_tasks_are_not_joined(log: Log) -> None:
    first, second = turns(user("Hello"), agent("Hi!"), user("A"), agent("Done."))
    recording = read(log, {**first, "task_id": "1"}, {**second, "task_id": "2"})
    assert len(recording.episodes) == 2


def test_a_name_that_many_conversations_share_joins_none_of_them(log: Log) -> None:
    chats = [[user("Hello"), agent("Hi!"), user(f"Topic {n}"), agent("Done.")] for n in range(4)]
    whole = [{"messages": chat, "session_id": "widget"} for chat in (chats[0][:2], *chats)]
    assert len(read(log, *whole).episodes) == 5
    sent = [{**record, "session_id": "widget"} for chat in chats for record in turns(*chat)]
    assert len(read(log, *sent, *sent[1::2]).episodes) == 8


def test_two_equal_conversations_of_one_session_are_two(log: Log) -> None:
    one = {"messages": [*CHAT, SAID], "session_id": "ann", "resolved": False}
    assert len(read(log, one, one).episodes) == 2


def test_the_messages_that_a_graph_ended_with_are_the_conversation(log: Log) -> None:
    [first, *_] = CHAT
    root = {
        "inputs": {"messages": [first]},
        "outputs": {"messages": [*CHAT, SAID]},
        "trace_id": "t",
    }
    recording = read(log, {**root, "session_id": "project"}, {**root, "session_id": "project"})
    assert [spoken(episode) for episode in recording.episodes] == [WHOLE, WHOLE]


def test_a_text_under_the_output_of_a_run_is_the_answer(log: Log) -> None:
    run = {"inputs": {"input": "Hello"}, "outputs": {"output": "Hi!"}}
    [episode] = read(log, run).episodes
    assert spoken(episode) == [("user", "Hello", []), ("assistant", "Hi!", [])]


# --- requests that send only what is new ---------------------------------------------------------


def chain(*ids: str, begins: str = "") -> list[dict[str, Any]]:
    """Requests in the form of OpenAI's Responses API: each sends what is new, and names the answer
    that it goes on from.
    """
    call = {"type": "function_call", "call_id": "c", "name": "find", "arguments": "{}"}
    done = {"type": "function_call_output", "call_id": "c", "output": "found"}
    steps = {
        "hello": ([user("Hello")], [call]),
        "found": ([done], [agent("Done?")]),
        "yes": ([user("Yes")], [SAID]),
        "no": ([user("No")], [agent("Why?")]),
    }
    return [
        {
            "instructions": "Be kind.",
            "input": steps[name][0],
            "previous_response_id": before or None,
            "response": {"id": name, "output": steps[name][1]},
        }
        for before, name in zip((begins, *ids), ids, strict=False)
    ]


CHAINED = [(role, "found" if role == "tool" else said, calls) for role, said, calls in WHOLE]


@pytest.mark.parametrize("order", [1, -1])
def test_requests_of_what_is_new_are_read_behind_what_they_go_on_from(log: Log, order: int) -> None:
    recording = read(log, *chain("hello", "found", "yes")[::order])
    (episode,) = recording.episodes
    assert spoken(episode) == CHAINED
    assert recording.about["odd"] == {JOINED: 2}
    assert recording.about["system"] == "Be kind."


def test_what_two_requests_go_on_from_is_read_with_both(log: Log) -> None:
    recording = read(log, *chain("hello", "found", "yes"), *chain("no", begins="found"))
    first, second = recording.episodes
    assert spoken(first) == CHAINED
    assert spoken(second) == [*CHAINED[:4], ("user", "No", []), ("assistant", "Why?", [])]


def test_what_goes_on_from_an_answer_that_was_not_logged_begins_there(log: Log) -> None:
    (episode,) = read(log, *chain("yes", begins="found")).episodes
    assert spoken(episode) == CHAINED[4:]


def test_answers_that_go_on_from_each_other_in_a_circle_are_read_once(log: Log) -> None:
    first, second = chain("hello", "yes", begins="yes")
    (episode,) = read(log, first, second).episodes
    assert len(episode.trajectory.messages) == 4


def test_a_response_with_what_was_sent_is_a_request_too(log: Log) -> None:
    flat = [
        {**record, **record["response"], "response": None, "id": record["response"]["id"]}
        for record in chain("hello", "found", "yes")
    ]
    (episode,) = read(log, *flat).episodes
    assert spoken(episode) == CHAINED


def test_a_long_chain_is_read_in_a_moment(log: Log) -> None:
    records = [
        {
            "input": str(n),
            "previous_response_id": f"r{n - 1}",
            "response": {"id": f"r{n}", "output": [agent(f"Answer {n}")]},
        }
        for n in range(3_000)
    ]
    (episode,) = read(log, *records).episodes
    assert len(episode.trajectory.messages) == 6_000
