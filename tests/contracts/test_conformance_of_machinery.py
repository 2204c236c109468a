"""What the kit says of trainers, chat models and observers that do and do not keep the contract."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from harness.errors import ChatFailure, NothingToLearn
from harness.evaluation.domain_defaults import DomainDefaults
from harness.protocols import ChatReply, ChatRequest, Event, TrainingJob
from harness.testing import (
    EVENTS,
    IdlePolicy,
    check_chat_model,
    check_observer,
    check_trainer,
)
from harness.testing.wires import Asked, Reply
from harness.types import (
    Changes,
    Json,
    Message,
    Scenario,
    Split,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)

# --- trainers


class Nothing:
    def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(content="Error: no such tool", is_error=True)

    def changes(self) -> Changes:
        return ()


class Desk(DomainDefaults):
    name = "desk"
    tools: tuple[Tool, ...] = ()

    def tasks(self, split: Split) -> list[Task]:
        scenario = Scenario(reason="I have a question.")
        return [Task(id=f"{split}-1", domain="desk", split=split, scenario=scenario, world={})]

    def open(self, task: Task) -> Nothing:
        return Nothing()


class Pupil(IdlePolicy):
    """A policy of one layer."""

    def __init__(self) -> None:
        self.model: Any = torch.nn.Linear(2, 2)
        self.model.config = SimpleNamespace(use_cache=True)
        self.model.train(False)


class Nudging:
    """Adds something to the weights, once a step."""

    def __init__(self, needs: str = "tasks") -> None:
        self.needs = needs

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        given = (
            list(job.tasks) if self.needs == "tasks" else next(job.demonstrations or iter(()), 0)
        )
        if not given:
            raise NothingToLearn("nothing", hint="Give it something.")
        if job.tasks:
            job.rollouts(job.policy, [(job.tasks[0], trial, 1) for trial in range(2)])
        for step in (1, 2):
            self.step(job.policy)
            job.progress(step, 2, {})
        metric = "reward" if self.needs == "tasks" else "loss"
        return {
            "steps": 2,
            "tokens": 8,
            "seconds": 0.1,
            "stopped_because": "max_steps",
            "curve": [{"step": step, metric: 0.5} for step in (1, 2)],
        }

    @torch.no_grad()
    def step(self, policy: Any) -> None:
        policy.model.weight += 1.0


class Greedy(Nudging):
    needs = "money"

    def __init__(self) -> None:
        super().__init__("money")


class Undaunted(Nudging):
    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        self.step(job.policy)
        return {}


class Lazy(Nudging):
    def step(self, policy: Any) -> None:
        return None


class Replacing(Nudging):
    def step(self, policy: Any) -> None:
        policy.model = Pupil().model


class Untidy(Nudging):
    def step(self, policy: Any) -> None:
        super().step(policy)
        policy.model.train()


class Meddling(Nudging):
    def step(self, policy: Any) -> None:
        super().step(policy)
        policy.model.config.use_cache = False


class Freezing(Nudging):
    def step(self, policy: Any) -> None:
        super().step(policy)
        policy.model.bias.requires_grad_(False)


class Reporting(Nudging):
    """Says otherwise of its training than is expected."""

    def __init__(self, **wrong: object) -> None:
        super().__init__()
        self.wrong = wrong

    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        record: dict[str, Any] = {**super().train(job), **self.wrong}
        return {key: value for key, value in record.items() if value is not None}


class Silent(Nudging):
    def train(self, job: TrainingJob) -> Mapping[str, Json]:
        object.__setattr__(job, "progress", lambda step, steps, metrics: None)
        return super().train(job)


@pytest.mark.parametrize("needs", ["tasks", "demonstrations"])
def test_a_trainer_that_keeps_the_contract_passes(needs: str, tmp_path: Path) -> None:
    check_trainer(Nudging(needs), Pupil, Desk(), tmp_path)  # type: ignore[arg-type]


BROKEN_TRAINERS = [
    (Greedy(), "needs one of"),
    (Undaunted(), "raises NothingToLearn"),
    (Lazy(), "changes the weights"),
    (Replacing(), "in place"),
    (Untidy(), "leaves whether the model is in training mode"),
    (Meddling(), "leaves the model's configuration"),
    (Freezing(), "leaves which parameters need a gradient"),
    (Reporting(stopped_because=None), "it lacks stopped_because"),
    (Reporting(stopped_because=""), "says why the training stopped"),
    (Reporting(steps=torch.ones(1)), "plain JSON values"),
    (Reporting(curve=[]), "a list of points"),
    (Reporting(curve=[{"step": 2, "reward": 1}, {"step": 1}]), "come in order"),
    (Reporting(curve=[{"step": 1, "loss": 1}]), "the curve has the reward"),
    (Silent(), "reports its progress"),
]


@pytest.mark.parametrize(("trainer", "complaint"), BROKEN_TRAINERS)
def test_a_broken_trainer_is_told_what_is_wrong(
    trainer: Nudging, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_trainer(trainer, Pupil, Desk(), tmp_path)  # type: ignore[arg-type]


# --- chat models

KEY = "canary-key-5f2c9a71d0"


class Provider:
    """Answers in this process what it is told to."""

    def __init__(self) -> None:
        self.answer: Callable[[Asked], Reply] = lambda asked: Reply()
        self.asked: list[Asked] = []

    def send(self, request: ChatRequest) -> Reply:
        asked = Asked(
            model=request.model, system=request.system, turns=(), tools=(), body={}, headers={}
        )
        self.asked.append(asked)
        return self.answer(asked)


class Direct:
    """A chat model without a wire."""

    model = "direct-1"

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    async def complete(self, request: ChatRequest) -> ChatReply:
        return self.read(self.provider.send(request))

    def read(self, reply: Reply) -> ChatReply:
        if reply.status != 200:
            raise ChatFailure("server_error", f"status {reply.status}")
        if reply.raw is not None or reply.cut:
            raise ChatFailure("malformed_reply", "no answer")
        message = Message(role="assistant", content=reply.text, calls=reply.calls)
        return ChatReply(message=message, usage=reply.usage, stop_reason=reply.stopped)


class Stubborn(Direct):
    async def complete(self, request: ChatRequest) -> ChatReply:
        try:
            return await super().complete(request)
        except ChatFailure:
            return await super().complete(request)


class Raw(Direct):
    def read(self, reply: Reply) -> ChatReply:
        if reply.status == 429:
            raise ConnectionError("429")
        return super().read(reply)


class Vague(Direct):
    def read(self, reply: Reply) -> ChatReply:
        if reply.status == 429:
            raise ChatFailure("bad_luck", "429")
        return super().read(reply)


class Loose(Direct):
    def read(self, reply: Reply) -> ChatReply:
        if reply.status == 401:
            try:
                raise KeyError(KEY)
            except KeyError as error:
                raise ChatFailure("wrong_key", "refused") from error
        return super().read(reply)


class Freehanded(Direct):
    def read(self, reply: Reply) -> ChatReply:
        found = super().read(reply)
        return ChatReply(message=found.message, usage=Usage(), stop_reason=found.stop_reason)


class Mild(Direct):
    def read(self, reply: Reply) -> ChatReply:
        return super().read(Reply(text="Well ...") if reply.raw else reply)


class Mute(Direct):
    def read(self, reply: Reply) -> ChatReply:
        return super().read(Reply() if reply.text and not reply.cut else reply)


class Wordy(Direct):
    def read(self, reply: Reply) -> ChatReply:
        return super().read(Reply(text="look(mug)") if reply.calls else reply)


class Open(Direct):
    def __repr__(self) -> str:
        return f"Open({KEY})"


def test_a_chat_model_that_keeps_the_contract_passes() -> None:
    provider = Provider()
    check_chat_model(Direct(provider), provider, key=KEY)


BROKEN_CHAT_MODELS = [
    (Stubborn, "never retries by itself: a bad request led to 2 requests"),
    (Raw, "too many requests is raised as a ChatFailure, found ConnectionError"),
    (Vague, "the cause of too many requests is one of CAUSES: 'bad_luck'"),
    (Loose, "no error contains the key"),
    (Freehanded, "usage has the provider's tokens"),
    (Mild, "no JSON is raised as a ChatFailure, found an answer"),
    (Mute, "the text comes whole"),
    (Wordy, "a call comes with its arguments"),
    (Open, "not in the model's repr"),
]


@pytest.mark.parametrize(("kind", "complaint"), BROKEN_CHAT_MODELS)
def test_a_broken_chat_model_is_told_what_is_wrong(kind: type[Direct], complaint: str) -> None:
    provider = Provider()
    with pytest.raises(AssertionError, match=complaint):
        check_chat_model(kind(provider), provider, key=KEY)


# --- observers


class Listening:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def notify(self, event: Event) -> None:
        self.heard.append(event.name)


class Exacting(Listening):
    """Expects every loss to be finite."""

    def notify(self, event: Event) -> None:
        if event.name == "train_step":
            self.heard.append(str(int(float(str(event.data["loss"])))))


class Strict(Listening):
    known = frozenset(name for name, _ in EVENTS)

    def notify(self, event: Event) -> None:
        if event.name not in self.known:
            raise ValueError(event.name)


class Taking(Listening):
    def notify(self, event: Event) -> None:
        event.data.pop("station", None)  # type: ignore[attr-defined]


def test_an_observer_that_keeps_the_contract_hears_every_event_in_order() -> None:
    observer = Listening()
    check_observer(observer)
    assert observer.heard[: len(EVENTS)] == [name for name, _ in EVENTS]


BROKEN_OBSERVERS = [
    (Exacting(), "takes the event 'train_step', found ValueError"),
    (Strict(), "takes the event 'event_of_another_version'"),
    (Taking(), "leaves the data of 'station_skipped' as they are"),
]


@pytest.mark.parametrize(("observer", "complaint"), BROKEN_OBSERVERS)
def test_a_broken_observer_is_told_what_is_wrong(observer: Listening, complaint: str) -> None:
    with pytest.raises(AssertionError, match=complaint):
        check_observer(observer)


def test_the_events_of_the_check_are_those_that_the_docs_list() -> None:
    text = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text()
    table = text.partition("| event | data |")[2].partition("\n\n")[0].splitlines()[2:]
    assert [row.split("`")[1] for row in table if row.startswith("|")]
    assert {row.split("`")[1] for row in table} == {name for name, _ in EVENTS}


def test_the_events_of_the_check_of_one_name_have_the_same_data() -> None:
    keys: dict[str, set[frozenset[str]]] = {}
    for name, data in EVENTS:
        keys.setdefault(name, set()).add(frozenset(data))
    assert [name for name, found in keys.items() if len(found) > 1] == []
