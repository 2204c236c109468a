"""The stations of a round with a chat model as judge and as injector, behind a provider's SDK."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.injection.candidates import NOT_MADE
from harness.injection.pool import tasks_of_round
from harness.llm.roles import open_registry
from harness.loop import discover, evaluate_once, inject
from harness.run_folder import RunFolder
from harness.runtime.cache_folder import FOLDER_VARIABLE
from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply, Wire
from harness.types import Diagnosis, Json, ToolCall
from tests.ears import Ear

ADDRESS: Mapping[str, Json] = {
    "address2": "", "city": "Reno", "state": "NV", "country": "USA", "zip": "89501",
}  # fmt: skip
VERDICT: Mapping[str, Json] = {
    "blame": "agent", "turn": 1, "kind": "wrong_address", "tool": "", "evidence": [],
    "summary": "The wrong address was changed.", "severity": "major",
}  # fmt: skip
LABEL: Mapping[str, Json] = {
    "name": "changes the wrong address",
    "description": "Changes another address than the one that the customer means.",
}
ROUND = ("diagnoses.jsonl", "patterns.jsonl", "tasks.jsonl", "refused.json", "discovery.json")


class Provider:
    """Judges, explores and writes for the retail domain; silent on its first case and candidate."""

    def __init__(self) -> None:
        self.cases: list[str] = []
        self.customers: list[str] = []

    def __call__(self, question: Asked) -> Reply:
        told = question.turns[0][1]
        turn = sum(role == "assistant" for role, _ in question.turns)
        if question.tools == ("verdict",):
            return self.judge(told)
        if question.tools == ("label",):
            return calling("label", LABEL)
        if question.tools == ("task",):
            return self.write(told)
        return self.explore(told, turn, question.turns[-1][1])

    def judge(self, case: str) -> Reply:
        self.cases += [case] if case not in self.cases else []
        return calling("verdict", VERDICT) if case != self.cases[0] else Reply(text="Who knows?")

    def explore(self, customer: str, turn: int, last: str) -> Reply:
        self.customers += [customer] if customer not in self.customers else []
        named = re.search(r"Your name is (\w+) (\w+).*?[A-Z]{2} (\d{5})", customer)
        if named is None or turn == 2 or customer == self.customers[0]:
            return Reply(text="The profile's address looks like an order's.")
        if turn == 0:
            names = dict(zip(("first_name", "last_name", "zip"), named.groups(), strict=True))
            return calling("find_user_id_by_name_zip", names)
        found = re.search(r"[a-z]+_[a-z]+_\d+", last)
        assert found is not None
        street = f"{len(self.customers)} Elm Street"
        new = {"user_id": found[0], "address1": street, **ADDRESS}
        return calling("modify_user_address", new)

    def write(self, told: str) -> Reply:
        found = re.search(r"\d+ Elm Street", told)
        assert found is not None
        fact = {
            "about": "the new address", "asked_by": ["address"], "volunteered": False,
            "says": [f"My new address is {found[0]}, Reno, NV 89501, USA."],
            "needed_for": ["address1", *ADDRESS],
        }  # fmt: skip
        request = {"change": 1, "opening": [f"I moved to {found[0]}."], "facts": [fact]}
        draft = {"reason": "You moved.", "instructions": "Be brief.", "requests": [request]}
        return calling("task", draft)


def calling(name: str, arguments: Mapping[str, object]) -> Reply:
    made: dict[str, Json] = json.loads(json.dumps(dict(arguments)))
    return Reply(calls=(ToolCall(name=name, arguments=made, id="c1"),))


def parts(ear: Ear) -> Components:
    flags = {
        "policy": "noisy:1", "judge": "claude:one", "injector": "claude:two",
        "validation_tasks": 8, "validation_trials": 1, "targeted_tasks": 4, "cache": "write",
        "options": {"injector": {"parallel": 2}},
    }  # fmt: skip
    return Components(load_config(preset="quick", flags=flags), open_registry(), (ear,))


def play_round(folder: Path, ear: Ear) -> RunFolder:
    made = parts(ear)
    store = RunFolder.create(folder, made.config.plain())
    evaluate_once(made, store, "validation")
    discover(made, store, 1, "policy-validation")
    inject(made, store, 1)
    return store


def test_a_round_keeps_what_was_usable_and_costs_nothing_when_played_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    serve: Callable[[Wire, Callable[[Asked], Reply]], ChatServer],
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "cache"))
    server, ear = serve("claude", Provider()), Ear()
    store = play_round(tmp_path / "one", ear)

    diagnoses = store.read_values("rounds/1/diagnoses.jsonl", Diagnosis)
    discovery = store.read_table("rounds/1/discovery.json")
    assert discovery["undiagnosed"] == 1
    assert discovery["blame"] == {"agent": len(diagnoses)}
    of = f"1 of {len(diagnoses) + 1} failures"
    assert ear.warnings == [f"the judge gave no usable verdict on {of}"]
    tasks = tasks_of_round(store, 1)
    assert len(tasks) == 4
    assert {task.origin.injector for task in tasks if task.origin} == {"claude"}
    assert store.read_table("rounds/1/refused.json")[NOT_MADE] >= 1

    sent = len(server.asked)
    again = play_round(tmp_path / "two", Ear())
    assert len(server.asked) == sent
    for name in ROUND:
        one, two = (s.folder / "rounds" / "1" / name for s in (store, again))
        assert one.read_bytes() == two.read_bytes(), name
