"""The commands as a user types them, with a provider on loopback."""

import json

import pytest

from harness.testing.wires import Reply
from harness.types import Usage

KEY = "canary-key-5f2c9a71d0"
SMALL = ("eval", "--domain", "retail", "--policy", "expert", "--tasks", 6, "--trials", 2)


def customer(asked):
    """Asks for something and leaves at the second answer."""
    if len(asked.turns) > 2:
        return Reply(text="That is all, thank you. ###STOP###", usage=Usage(tokens_in=1000))
    return Reply(text="Hello, I want to cancel an order.", usage=Usage(tokens_in=1000))


def read(path):
    return json.loads(path.read_text())


def holding(folder, text):
    """The files below that contain the text."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if text.encode() in path.read_bytes()]


@pytest.mark.parametrize("wire", ["claude", "openai", "gemini"])
def test_a_second_run_asks_nothing_and_writes_the_same(
    serve, command, differing, tmp_path, wire
) -> None:
    server = serve(wire, customer)
    first = command(*SMALL, "--simulator", wire, "--out", "one")
    asked = len(server.asked)
    assert first.status == 0
    assert asked >= 6
    assert f"{asked} sent, 0 from the cache" in first.err.replace("\n", " ")
    second = command(*SMALL, "--simulator", wire, "--out", "two")
    assert len(server.asked) == asked
    assert f"0 sent, {asked} from the cache" in second.err.replace("\n", " ")
    assert not differing(tmp_path / "one", tmp_path / "two")
    assert (tmp_path / "one/evals/policy-test/episodes.jsonl").stat().st_size > 0


@pytest.mark.parametrize("wire", ["claude", "openai", "gemini"])
def test_the_key_is_in_nothing_that_a_run_leaves(
    serve, command, tmp_path, monkeypatch, wire
) -> None:
    def leaky(asked):
        if len(asked.turns) > 2:
            return Reply(status=400, error=f"your key {KEY} is strange")
        return Reply(text=f"My key is {KEY}, hello.")

    serve(wire, leaky)
    outcome = command(*SMALL, "--simulator", wire, "--out", "run")
    assert outcome.status == 0
    assert holding(tmp_path, "[redacted]"), "the run kept what was said"
    assert not holding(tmp_path, KEY)
    assert KEY not in outcome.out + outcome.err


@pytest.mark.parametrize("wire", ["claude", "openai", "gemini"])
def test_a_wrong_key_stops_at_once_with_one_clear_line(serve, command, tmp_path, wire) -> None:
    server = serve(wire, lambda asked: Reply(status=401, error=f"invalid key {KEY}"))
    outcome = command(*SMALL, "--simulator", wire, "--out", "run")
    assert outcome.status == 1
    assert "error: wrong key" in outcome.err
    assert KEY not in outcome.err
    assert "Traceback" not in outcome.err
    assert len(server.asked) <= 12, "nobody tries again"
    assert not holding(tmp_path, KEY)


def test_faults_are_counted_and_never_scored(serve, command, tmp_path) -> None:
    def answer(asked):
        return Reply(status=400, error="prompt is too long: 3 tokens > 2 maximum")

    serve("claude", answer)
    outcome = command(*SMALL, "--simulator", "claude", "--out", "run", "--json")
    assert outcome.status == 0
    counts = read(tmp_path / "run" / "calls.json")["user"]
    lines = (tmp_path / "run" / "evals/policy-test/episodes.jsonl").read_text().splitlines()
    ended = [json.loads(line)["trajectory"]["ended"] for line in lines]
    assert ended == ["context_overflow"] * 12
    assert counts["faults"] == counts["failures"] == {"context_overflow": counts["attempts"]}
    assert counts["usage"]["calls"] == 0


UNLUCKY = {
    "rate_limit": (Reply(status=429), "infrastructure_fault"),
    "server_error": (Reply(status=500), "infrastructure_fault"),
    "overloaded": (Reply(status=529), "infrastructure_fault"),
    "timeout": (Reply(text="late", seconds=3), "infrastructure_fault"),
    "connection": (Reply(text="cut short", cut=True), "infrastructure_fault"),
    "malformed_reply": (Reply(raw=b"{"), "infrastructure_fault"),
    "bad_request": (Reply(status=400, error="strange request"), "infrastructure_fault"),
    "empty_reply": (Reply(), "user_fault"),
    "refusal": (Reply(text="I cannot.", stop="refusal"), "user_fault"),
    "context_overflow": (
        Reply(status=400, error="prompt is too long: 3 tokens > 2 maximum"),
        "context_overflow",
    ),
}
PATIENCE = ("calls.retries=1", "calls.first_pause=0.001", "calls.call_seconds=1.5")


@pytest.mark.parametrize("cause", UNLUCKY)
def test_a_fault_is_of_one_conversation_and_no_score(serve, command, tmp_path, cause) -> None:
    reply, kind = UNLUCKY[cause]
    unlucky: list[str] = []

    def answer(asked):
        unlucky[:] = unlucky or [asked.system]
        return reply if asked.system == unlucky[0] else customer(asked)

    serve("claude", answer)
    options = [word for option in PATIENCE for word in ("--option", option)]
    small = ("eval", "--policy", "expert", "--tasks", 4, "--trials", 1, "--seed", 5)
    outcome = command(*small, *options, "--simulator", "claude", "--out", "run", "--json")
    assert outcome.status == 0, outcome.err
    lines = (tmp_path / "run" / "evals/policy-test/episodes.jsonl").read_text().splitlines()
    ended = sorted(json.loads(line)["trajectory"]["ended"] for line in lines)
    assert ended == sorted([kind, *["user_stop"] * 3])
    (arm,) = json.loads(outcome.out)["arms"]
    assert arm["fault_kinds"] == {kind: 1}
    scored, counted = arm["pass"]["1"]["value"], arm["pass_counted"]["1"]["value"]
    assert counted == pytest.approx(scored * 3 / 4)
    counts = read(tmp_path / "run" / "calls.json")["user"]
    assert counts["faults"] == {cause: 1}
    paid = counts["failures"].get("empty_reply", 0) + counts["failures"].get("refusal", 0)
    failed = sum(counts["failures"].values())
    assert counts["attempts"] == counts["usage"]["calls"] + failed - paid
    assert failed == counts["retries"] + 1


def test_a_spent_budget_keeps_what_is_finished_and_a_larger_one_goes_on(
    serve, command, tmp_path
) -> None:
    server = serve("claude", customer)
    small = (*SMALL, "--option", "fork.concurrency=1")
    stopped = command(
        *small, "--simulator", "claude", "--cache", "off", "--budget-tokens", 8500, "--out", "run"
    )
    assert stopped.status == 1
    assert "budget" in stopped.err
    assert "--budget-tokens" in stopped.err
    assert len(server.asked) == 8
    episodes = tmp_path / "run" / "evals" / "policy-test" / "episodes.jsonl"
    kept = episodes.read_text()
    assert kept

    again = command("eval", "--resume", "run")
    assert again.status == 1, "the budget is the whole run's"
    assert len(server.asked) == 8

    outcome = command("eval", "--resume", "run", "--budget-tokens", 10**6)
    assert outcome.status == 0
    assert len(episodes.read_text().splitlines()) == 12
    assert set(kept.splitlines()) <= set(episodes.read_text().splitlines())
    total = read(tmp_path / "run" / "calls.json")["user"]["usage"]["calls"]
    assert total == len(server.asked)


def test_a_budget_in_dollars_without_a_price_is_refused_and_the_hint_helps(
    serve, command, tmp_path
) -> None:
    serve("openai", customer)
    model = ("--simulator", "openai:my-own-model")
    assert command(*SMALL, *model, "--budget-tokens", 3000, "--out", "run").status == 1
    before = read(tmp_path / "run" / "config.json")
    refused = command("eval", "--resume", "run", "--budget-usd", 5)
    assert refused.status == 1
    assert "harness loop --budget-tokens N" in refused.err.replace("\n", " ")
    assert read(tmp_path / "run" / "config.json") == before
    assert command("eval", "--resume", "run", "--budget-tokens", 10**6).status == 0


def test_an_agent_without_a_key_is_an_error_before_anything_is_made(
    command, tmp_path, monkeypatch
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    outcome = command("eval", "--policy", "claude", "--tasks", 1, "--out", "run")
    assert outcome.status == 1
    assert "ANTHROPIC_API_KEY" in outcome.err
    assert not (tmp_path / "run").exists()


def test_a_conversation_that_takes_too_long_is_a_fault(serve, command, tmp_path) -> None:
    serve("claude", lambda asked: Reply(text="Hello, and so on.", seconds=0.1))
    (tmp_path / "slow.toml").write_text("time_limit = 0.35\nmessage_limit = 1000\n")
    outcome = command(*SMALL, "--simulator", "claude", "--config", "slow.toml", "--out", "run")
    assert outcome.status == 0
    lines = (tmp_path / "run" / "evals/policy-test/episodes.jsonl").read_text().splitlines()
    faults = [json.loads(line)["trajectory"]["fault"] for line in lines]
    assert faults == ["the conversation took longer than 0.35 s"] * 12
