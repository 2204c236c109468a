"""The whole loop with a chat model as user, judge and injector: a provider on loopback, its
unmodified SDK, and a small policy that is really trained.
"""

import json
import re

import pytest

from harness.testing.wires import Reply
from harness.types import ToolCall

KEY = "canary-key-5f2c9a71d0"
TINY = """
preset = "quick"
teacher = "oracle"
validation_tasks = 6
test_tasks = 4
test_trials = 2
targeted_tasks = 4
held_out_demonstrations = 2
message_limit = 12

[options.sft]
cpu_seconds = 1e9   # a budget of time would make the weights depend on the machine
max_steps = 2
batch_size = 2

[options.warm_start]
cpu_seconds = 1e9

[options.grpo]
max_steps = 1
tasks_per_step = 2
num_generations = 2
"""


def provider(asked):
    """Plays every part: by what it is told, and by the form that it is to fill in."""
    if asked.tools == ("verdict",):
        return Reply(calls=(call("verdict", VERDICT),))
    if asked.tools == ("label",):
        return Reply(calls=(call("label", LABEL),))
    if asked.tools == ("task",):
        return Reply(calls=(call("task", draft(asked.turns)),))
    if asked.system.startswith("You play a customer"):
        return customer(asked)
    return explorer(asked)


VERDICT = {
    "blame": "agent", "turn": 1, "kind": "wrong_state", "tool": "", "severity": "major",
    "summary": "The agent did not do what the customer wanted.", "evidence": [],
}  # fmt: skip
LABEL = {
    "name": "leaves the address as it was",
    "description": "Talks of the change of address and does not make it.",
}
MOVED = {
    "address1": "", "address2": "", "city": "Reno", "state": "NV", "country": "USA",
    "zip": "89501",
}  # fmt: skip


def customer(asked):
    said = sum(role in ("assistant", "model") for role, _ in asked.turns)
    words = ["Hello, I moved and need help.", "Yes, please go ahead."]
    return Reply(text=words[said] if said < len(words) else "Thank you, goodbye. ###STOP###")


def explorer(asked):
    """Finds the customer and changes the address, to a street that no other task has."""
    told = asked.turns[0][1]
    done = sum(role in ("assistant", "model") for role, _ in asked.turns)
    name = re.search(r"Your name is (\w+) (\w+).*?[A-Z]{2} (\d{5})", told)
    assert name is not None
    if done == 0:
        who = {"first_name": name[1], "last_name": name[2], "zip": name[3]}
        return Reply(calls=(call("find_user_id_by_name_zip", who),))
    if done == 1:
        user = re.search(r"\b[a-z]+_[a-z]+_\d{4}\b", asked.turns[-1][1])
        assert user is not None
        street = f"{int(name[3]) % 9000 + 1} Elm Street"
        where = {**MOVED, "user_id": user[0], "address1": street}
        return Reply(calls=(call("modify_user_address", where),))
    return Reply(text="The profile, not an order.")


def draft(turns):
    street = re.search(r"\d+ Elm Street", turns[0][1])
    assert street is not None
    says = f"My new address is {street[0]}, Reno, NV 89501, USA."
    fact = {
        "about": "the new address", "asked_by": ["address"], "says": [says],
        "needed_for": list(MOVED), "volunteered": False,
    }  # fmt: skip
    request = {"change": 1, "opening": [f"I moved to {street[0]}."], "facts": [fact]}
    return {"reason": "You moved.", "instructions": "Be brief.", "requests": [request]}


def call(name, arguments):
    return ToolCall(name=name, arguments=arguments, id=f"call_{name}")


@pytest.mark.slow
@pytest.mark.parametrize("wire", ["claude", "openai", "gemini"])
def test_the_loop_runs_from_end_to_end(serve, command, differing, tmp_path, wire) -> None:
    server = serve(wire, provider)
    (tmp_path / "tiny.toml").write_text(TINY)
    words = ("loop", "--domain", "retail", "--policy", "tiny", "--config", "tiny.toml")
    roles = ("--simulator", wire, "--judge", wire, "--injector", wire)
    first = command(*words, *roles, "--out", "one", "--json")
    assert first.status == 0, first.err
    report = json.loads(first.out)
    assert report["patterns"]
    assert LABEL["name"] in [pattern["name"] for pattern in report["patterns"]]
    assert (tmp_path / "one" / "rounds" / "1" / "tasks.jsonl").read_text().count("\n") == 4
    assert (tmp_path / "one" / "rounds" / "1" / "map.svg").exists()
    assert (tmp_path / "one" / "checkpoints" / "rl-1" / "checkpoint.json").exists()
    counts = json.loads((tmp_path / "one" / "calls.json").read_text())
    assert set(counts) == {"user", "judge", "namer", "injector"}
    assert sum(role["attempts"] for role in counts.values()) == len(server.asked)

    asked = len(server.asked)
    second = command(*words, *roles, "--out", "two", "--json")
    assert second.status == 0
    assert len(server.asked) == asked, "all answers come from the cache"
    others = differing(tmp_path / "one", tmp_path / "two")
    learnt = ("checkpoints/", "done/sft", "done/train-")
    assert not [n for n in others if not n.startswith(learnt)], "weights learn by the clock"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if KEY.encode() in path.read_bytes()]


@pytest.mark.slow
def test_a_spent_budget_stops_the_loop_cleanly_and_resume_ends_as_if_it_had_not(
    serve, command, tmp_path
) -> None:
    server = serve("claude", provider)
    (tmp_path / "tiny.toml").write_text(TINY)
    words = ("loop", "--domain", "retail", "--policy", "tiny", "--config", "tiny.toml")
    roles = ("--simulator", "claude", "--judge", "claude", "--injector", "claude")
    few = ("--option", "fork.concurrency=4")
    stopped = command(*words, *roles, *few, "--out", "one", "--budget-tokens", 900)
    assert stopped.status == 1
    assert "budget" in stopped.err
    sent = len(server.asked)
    assert 900 - 15 <= 15 * sent <= 900 + 4 * 15, "each answer is 15 tokens, four are in flight"
    done = set((tmp_path / "one" / "done").iterdir())
    assert done, "stations that were finished are kept"

    went_on = command("loop", "--resume", "one", "--budget-tokens", 10**6)
    assert went_on.status == 0, went_on.err
    assert done < set((tmp_path / "one" / "done").iterdir())
    counts = json.loads((tmp_path / "one" / "calls.json").read_text())
    answered = sum(role["usage"]["calls"] for role in counts.values())
    abandoned = sum(role["abandoned"] for role in counts.values())
    attempts = sum(role["attempts"] for role in counts.values())
    assert answered + abandoned == attempts
    assert answered <= len(server.asked) <= attempts
    assert (tmp_path / "one" / "rounds" / "1" / "tasks.jsonl").read_text().count("\n") == 4
