"""Turn a recording into a policy and a user simulator that replay their turns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import read_options
from harness.errors import ConfigError, RolloutFault
from harness.evaluation.foreign_calls import tool_names, without_foreign_calls
from harness.interchange.files import read_source
from harness.llm.roles import open_registry
from harness.protocols import (
    AgentTurn,
    Conversation,
    Policy,
    Settings,
    UserSimulator,
    UserTurn,
)
from harness.types import Message, Recording, Task, Trajectory


@dataclass(frozen=True, kw_only=True)
class Options:
    """``evaluation``: which one to replay, if the run folder has several."""

    evaluation: str = ""


def replayed_agent(settings: Settings) -> Policy:
    return ReplayedAgent(_script(settings))


def replayed_user(settings: Settings) -> UserSimulator:
    return ReplayedUser(_script(settings))


class Script:
    """The recorded conversations by task and trial; ``source`` names them in errors.

    Calls of tools that the domain does not have are left out: nobody could answer them.
    """

    def __init__(self, recording: Recording, source: str) -> None:
        self.source = source
        self._first: dict[str, Trajectory] = {}
        self._numbered: dict[tuple[str, int], Trajectory] = {}
        for episode in recording.episodes:
            trajectory = episode.trajectory
            self._first.setdefault(trajectory.task_id, trajectory)
            self._numbered.setdefault((trajectory.task_id, trajectory.trial), trajectory)

    def of(self, conversation: Conversation) -> Trajectory | None:
        """The recorded conversation on the same task: that of the same trial, else the first."""
        task_id = conversation.task.id
        found = self._numbered.get((task_id, conversation.trial)) or self._first.get(task_id)
        if found is None:
            return None
        return without_foreign_calls(found, tool_names(conversation.domain))[0]

    def missing(self, kind: str, conversation: Conversation) -> RolloutFault:
        task_id = conversation.task.id
        return RolloutFault(kind, f"{self.source} has no conversation for the task {task_id!r}")


class ReplayedAgent(Policy):
    """Makes the recorded turns of the agent in order, whatever the user says.

    After the last one it ends as the recording did: with the same fault, or else it stops.
    """

    id = "replay"

    def __init__(self, script: Script) -> None:
        self.script = script

    async def act(self, conversation: Conversation, *, seed: int) -> AgentTurn:
        trajectory = self.script.of(conversation)
        if trajectory is None:
            raise self.script.missing("agent_fault", conversation)
        turns = _turns(trajectory.messages, "assistant")
        made = len(_turns(conversation.messages, "assistant"))
        if made < len(turns):
            is_last = made == len(turns) - 1
            return AgentTurn(message=turns[made], stop=is_last and trajectory.ended == "agent_stop")
        if trajectory.is_fault and trajectory.ended != "user_fault":
            raise RolloutFault(trajectory.ended, trajectory.fault)
        return AgentTurn(message=Message(role="assistant"), stop=True)

    def forget(self, conversation_id: str) -> None:
        """Nothing is kept."""


class ReplayedUser(UserSimulator):
    """Says what the recorded user said, in order, whatever the agent does.

    The last turn ends the conversation if the recorded user ended it. After that the user gives up,
    or fails with the recorded fault.
    """

    def __init__(self, script: Script) -> None:
        self.script = script

    async def reply(self, task: Task, conversation: Conversation, *, seed: int) -> UserTurn:
        trajectory = self.script.of(conversation)
        if trajectory is None:
            raise self.script.missing("user_fault", conversation)
        turns = _turns(trajectory.messages, "user")
        made = len(_turns(conversation.messages, "user"))
        if made < len(turns):
            return _user_turn(turns[made], trajectory, is_last=made == len(turns) - 1)
        if trajectory.ended == "user_fault":
            raise RolloutFault("user_fault", trajectory.fault)
        return UserTurn(message=Message(role="user"), stop=True, gave_up=True)


def _user_turn(message: Message, trajectory: Trajectory, *, is_last: bool) -> UserTurn:
    if message.calls:
        raise RolloutFault(
            "user_fault", "the recorded user calls tools: replaying that is not supported"
        )
    ended = trajectory.ended
    return UserTurn(
        message=message,
        stop=is_last and ended in ("user_stop", "user_gave_up", "transfer"),
        transfer=is_last and ended == "transfer",
        gave_up=is_last and ended == "user_gave_up",
    )


def _turns(messages: tuple[Message, ...], role: str) -> list[Message]:
    """What the role did after the greeting."""
    begin = 1 if messages and messages[0].role == "assistant" else 0
    return [message for message in messages[begin:] if message.role == role]


def _script(settings: Settings) -> Script:
    options = read_options(Options, settings, name="replay")
    if not settings.argument:
        raise ConfigError(
            "replay has no file to replay", hint="Name one: replay:results.json or replay:RUN."
        )
    path = Path(settings.argument)
    source = read_source(open_registry(), path, evaluation=options.evaluation)
    return Script(source.recording, str(path))
