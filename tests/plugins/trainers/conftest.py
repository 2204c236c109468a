"""A world of letters: the user says a letter, and a tiny policy answers with letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from harness.errors import RolloutFault
from harness.evaluation.domain_defaults import DomainDefaults
from harness.evaluation.rollout import join_tokens, run_rollouts
from harness.protocols import (
    AgentTurn,
    Conversation,
    Executor,
    Policy,
    RolloutJob,
    RolloutSetup,
    TrainingJob,
    TurnTokens,
    UserTurn,
    WeightedTerm,
)
from harness.types import (
    Checkpoint,
    Episode,
    Grade,
    Message,
    Scenario,
    Score,
    Split,
    Task,
    TermScore,
    TokenTrace,
    ToolCall,
    ToolResult,
    Trajectory,
)

LETTERS = "abcdefgh"
WORDS = ["<pad>", "<end>", "<user>", "<agent>", *LETTERS]


def letter_tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>")


def letter_model(**changes: Any) -> Qwen2ForCausalLM:
    torch.manual_seed(0)
    sizes = {
        "vocab_size": len(WORDS),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    }
    return Qwen2ForCausalLM(Qwen2Config(**{**sizes, **changes})).eval()


class LetterPolicy:
    """Says up to three letters a turn, sampled token by token."""

    id = "letters"
    checkpoint = Checkpoint(id="none", policy="letters", path="")

    def __init__(self, model: Qwen2ForCausalLM) -> None:
        self.model = model
        self.tokenizer = letter_tokenizer()
        self.temperature = 1.0
        self.changes = 0
        self._seen: dict[str, tuple[list[int], int]] = {}

    def ids(self, message: Message) -> tuple[list[int], list[int]]:
        said = self.tokenizer.encode(message.content)
        if message.role == "user":
            return [WORDS.index("<user>"), *said, WORDS.index("<agent>")], []
        return [], [*said, WORDS.index("<end>")]

    def encode(self, conversation: Conversation) -> TokenTrace:
        turns = [self.ids(message) for message in conversation.messages[1:]]
        trace = join_tokens(
            [TurnTokens(context=a, sampled=b, logprobs=[0.0] * len(b)) for a, b in turns]
        )
        assert trace is not None
        return trace

    @torch.no_grad()
    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        if "fault" in conversation.task.tags and seed % 2:
            raise RolloutFault("agent_fault", "the sampler broke down")
        ids, known = self._seen.get(conversation.id, ([], 1))
        heard = [self.ids(message) for message in conversation.messages[known:]]
        context = [number for asked, said in heard for number in (*asked, *said)]
        ids = [*ids, *context]
        generator = torch.Generator().manual_seed(seed)
        sampled, logprobs = [], []
        while len(sampled) < 3 and (not sampled or sampled[-1] != WORDS.index("<end>")):
            logits = self.model(torch.tensor([ids])).logits[0, -1].float() / self.temperature
            chosen = int(torch.multinomial(logits.softmax(-1), 1, generator=generator))
            sampled.append(chosen)
            logprobs.append(float(logits.log_softmax(-1)[chosen]))
            ids.append(chosen)
        self._seen[conversation.id] = ids, len(conversation.messages) + 1
        return AgentTurn(
            message=Message(role="assistant", content=self.tokenizer.decode(sampled)),
            tokens=TurnTokens(context=context, sampled=sampled, logprobs=logprobs),
        )

    def forget(self, conversation_id: str) -> None:
        self._seen.pop(conversation_id, None)

    def save(self, folder: Path) -> None:
        self.model.save_pretrained(folder)

    def set_temperature(self, temperature: float) -> None:
        self.temperature = temperature

    def weights_changed(self) -> None:
        self.changes += 1


class Letters(DomainDefaults):
    """A domain without tools; its user says the task's letter twice and then leaves."""

    name = "letters"
    tools = ()
    policy = ""

    def tasks(self, split: Split) -> Sequence[Task]:
        return [letter_task(letter) for letter in LETTERS]

    def open(self, task: Task) -> Unchanging:
        return Unchanging()


class Unchanging:
    def call(self, call: ToolCall) -> ToolResult:
        return ToolResult(content="no such tool", is_error=True)

    def changes(self) -> tuple[()]:
        return ()


class Caller:
    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        said = sum(message.role == "user" for message in conversation.messages)
        return UserTurn(message=Message(role="user", content=task.scenario.reason), stop=said >= 2)


class OneByOne(Executor):
    async def map(self, function, items):  # type: ignore[no-untyped-def]
        for index, item in enumerate(items):
            yield index, await function(item)


def letter_task(letter: str, *tags: str) -> Task:
    return Task(
        id=f"task-{letter}",
        domain="letters",
        split="train",
        scenario=Scenario(reason=letter),
        world={},
        tags=tags,
    )


def share_of_b(trajectory: Trajectory, grade: Grade, task: Task) -> TermScore:
    said = "".join(m.content for m in trajectory.messages[1:] if m.role == "assistant").split()
    return TermScore(name="share_of_b", value=said.count("b") / max(1, len(said)))


def echo(letter: str, times: int) -> Episode:
    """A demonstration: the agent repeats the user's letter."""
    task = letter_task(letter)
    messages = (
        Message(role="assistant", content="hello"),
        Message(role="user", content=letter),
        Message(role="assistant", content=" ".join([letter] * times)),
    )
    return Episode(
        task=task,
        trajectory=Trajectory(
            id=f"echo-{letter}-{times}",
            task_id=task.id,
            trial=0,
            policy="teacher",
            seed=0,
            messages=messages,
            ended="user_stop",
        ),
        grade=Grade(success=True),
        score=Score(success=True),
    )


def endless_echoes() -> Iterator[Episode]:
    generator = torch.Generator().manual_seed(1)
    while True:
        letter, times = torch.randint(0, 8, (2,), generator=generator).tolist()
        yield echo(LETTERS[letter], times + 1)


class World:
    """What tests take from here, since test modules cannot import one another."""

    letters = LETTERS
    words = WORDS
    domain = Letters()
    echo = staticmethod(echo)
    endless_echoes = staticmethod(endless_echoes)
    model = staticmethod(letter_model)
    policy = staticmethod(lambda: LetterPolicy(letter_model()))
    task = staticmethod(letter_task)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def model() -> Qwen2ForCausalLM:
    return letter_model()


@pytest.fixture
def policy(model: Qwen2ForCausalLM) -> LetterPolicy:
    return LetterPolicy(model)


@pytest.fixture
def job(policy: LetterPolicy, tmp_path: Path) -> Callable[..., TrainingJob]:
    """A training job on the world of letters, with any field replaced."""
    setup = RolloutSetup(
        domain=Letters(),
        user=Caller(),
        terms=(WeightedTerm(name="share_of_b", weight=2.0, term=share_of_b),),
    )

    def rollouts(
        policy: Policy, jobs: Sequence[tuple[Task, int, int]], *, guided: int = 0, step: int = 0
    ) -> Sequence[Episode]:
        wanted = [RolloutJob(task=task, trial=trial, seed=seed) for task, trial, seed in jobs]
        return run_rollouts(wanted, policy, setup, OneByOne(), keep_tokens=True)

    def make(**changes: Any) -> TrainingJob:
        fields: dict[str, Any] = {
            "policy": policy,
            "domain": setup.domain,
            "rollouts": rollouts,
            "seed": 0,
            "folder": tmp_path,
            "progress": lambda step, steps, metrics: None,
            "tasks": setup.domain.tasks("train"),
        }
        return TrainingJob(**{**fields, **changes})

    return make
