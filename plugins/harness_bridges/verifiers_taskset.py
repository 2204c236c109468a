"""Turn a domain into a taskset of verifiers: each rollout has a tool server with its own world.

Run as a module, it is that server, which verifiers starts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any

import verifiers.v1 as vf
from pydantic import TypeAdapter, WithJsonSchema

from harness.errors import RolloutFault
from harness.types import Split, Task, Tool
from harness_bridges.episodes import Episode, open_domain, tasks_of

_TASK = TypeAdapter(Task)
OVER = "The conversation is over."


class DomainData(vf.TaskData):  # type: ignore[misc]
    """A task on the wire; the prompt is what the user says first."""

    task: dict[str, Any]
    """The whole task, with its gold calls: for the tool server, never in a prompt."""
    user: str
    seed: int


class DomainState(vf.State):  # type: ignore[misc]
    """What the tool server reports after each call."""

    late: bool = False
    """Whether the agent called a tool after the end."""
    reward: float = 0.0
    """1.0 if the task was done; 0 until the user has ended the conversation."""
    fault: str = ""
    """Why the user simulator failed, if it did."""


class DomainTools(vf.Toolset[vf.ToolsetConfig, DomainState]):  # type: ignore[misc]
    """The domain's tools and ``say``, which speaks to the user."""

    TOOL_PREFIX = None

    async def setup_task(self, task: Any) -> None:
        found = _TASK.validate_python(task.task)
        domain = open_domain(found.domain)
        self.episode = Episode(domain, found, user=task.user, seed=task.seed)

    def register(self, mcp: Any) -> None:
        for tool in self.episode.domain.tools:
            self._add(mcp, self._function(tool), tool.name, tool.description)
        self._add(mcp, self.say, "say", "Say something to the user and hear the reply.")

    def say(self, text: str) -> str:
        heard = self._reported(lambda: self.episode.say(text))
        return f"{heard}\n{OVER}".lstrip() if self.episode.ended else heard

    def _reported(self, act: Callable[[], str]) -> str:
        self.state.late = self.episode.ended is not None
        answer = act()
        if self.episode.ended:
            self.state.fault = self.episode.fault
            self.state.reward = 0.0 if self.episode.fault else self.episode.reward()
        return answer

    def _add(self, mcp: Any, function: Callable[..., str], name: str, description: str) -> None:
        wrapped = self._with_state(function)
        mcp.add_tool(wrapped, name=name, description=description, structured_output=False)

    def _function(self, tool: Tool) -> Callable[..., str]:
        def call(**arguments: Any) -> str:
            given = {name: value for name, value in arguments.items() if value is not None}
            return self._reported(lambda: self.episode.call(tool.name, given))

        vars(call)["__signature__"] = signature(tool)
        call.__name__ = call.__qualname__ = tool.name
        return call


class DomainTaskConfig(vf.TaskConfig):  # type: ignore[misc]
    tools: vf.ToolsetConfig = vf.ToolsetConfig()


class DomainTask(vf.Task[DomainData, DomainState, DomainTaskConfig]):  # type: ignore[misc]
    @property
    def key(self) -> str:
        return str(self.data.id)

    @classmethod
    def toolsets(cls, config: DomainTaskConfig) -> list[vf.Toolset]:
        return [DomainTools(config.tools)]

    @vf.stop  # type: ignore[untyped-decorator]
    async def late(self, trace: vf.Trace) -> bool:
        """Not at the end itself: the trace would lack the user's last words."""
        return bool(trace.state.late)

    @vf.reward(weight=1.0)  # type: ignore[untyped-decorator]
    async def done(self, trace: vf.Trace) -> float:
        """1.0 if the task was done. Raises ``RolloutFault`` if the user simulator failed."""
        if trace.state.fault:
            raise RolloutFault("user_fault", trace.state.fault)
        return float(trace.state.reward)


class DomainConfig(vf.TasksetConfig):  # type: ignore[misc]
    """Which tasks: as many of the split as ``count``; for "train" made from the seed."""

    domain: str = "retail"
    split: Split = "train"
    count: int = 100
    seed: int = 0
    user: str = "scripted"
    task: DomainTaskConfig = DomainTaskConfig()


class DomainTaskset(vf.Taskset[DomainTask, DomainConfig]):  # type: ignore[misc]
    """A domain's tasks, its policy as the system prompt."""

    def load(self) -> Iterator[DomainTask]:
        """Raises ``ConfigError`` if the split has fewer, ``RolloutFault`` if the user fails."""
        wanted = self.config
        domain = open_domain(wanted.domain)
        for task in tasks_of(domain, wanted.split, wanted.count, wanted.seed):
            episode = Episode(domain, task, user=wanted.user, seed=wanted.seed)
            if episode.fault:
                raise RolloutFault("user_fault", episode.fault)
            data = DomainData(
                id=task.id,
                name=task.id,
                prompt=episode.opening,
                system_prompt=domain.policy,
                task=_TASK.dump_python(task, mode="json"),
                user=wanted.user,
                seed=wanted.seed,
            )
            yield DomainTask(data, wanted.task)


def signature(tool: Tool) -> inspect.Signature:
    """Keyword parameters with the very schemas of the tool; those not required default to None.

    Text stays text (the MCP server would read JSON in it); the domain checks all other values.
    """
    schema: Mapping[str, Any] = tool.parameters
    required = set(schema.get("required", []))
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if name in required else None,
            annotation=Annotated[_held(wanted), WithJsonSchema(dict(wanted))],
        )
        for name, wanted in schema.get("properties", {}).items()
    ]
    return inspect.Signature(parameters, return_annotation=str)


def _held(schema: Mapping[str, Any]) -> Any:
    return str if schema.get("type") == "string" else Any


if __name__ == "__main__":
    DomainTools.run()
