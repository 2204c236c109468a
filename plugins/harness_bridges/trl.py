"""Turn a domain into an ``environment_factory`` of TRL's GRPOTrainer, with its tools as methods."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.types import Json, Split, Task, Tool
from harness_bridges.episodes import Episode, open_domain, tasks_of

_TYPES: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list,
    "object": dict,
}


def environment_factory(
    domain: str, *, split: Split = "train", count: int = 100, seed: int = 0, user: str = "scripted"
) -> Callable[[], Any]:
    """What GRPOTrainer makes its environments with; use it with ``dataset`` of the same arguments.

    Each tool of the domain is a method; ``say`` speaks to the user. ``get_reward`` is 1.0 where the
    task was done. ``reset`` returns the user's first words.
    """
    opened = open_domain(domain)
    tasks = {task.id: task for task in tasks_of(opened, split, count, seed)}
    methods = {tool.name: _method(tool) for tool in opened.tools}

    def reset(self: Any, **row: Any) -> str:
        task: Task = tasks[str(row["task_id"])]
        self._episode = Episode(opened, task, user=user, seed=seed)
        return str(self._episode.opening)

    def say(self: Any, text: str) -> str:
        """Say something to the user and hear the reply.

        Args:
            text: What to say.
        """
        return str(self._episode.say(text))

    say.__annotations__.pop("self")  # or else it would be in the schema that TRL makes

    def get_reward(self: Any) -> float:
        return float(self._episode.reward())

    made = type(
        "DomainEnvironment",
        (),
        {**methods, "reset": reset, "say": say, "get_reward": get_reward, "_episode": None},
    )
    return made


def dataset(
    domain: str, *, split: Split = "train", count: int = 100, seed: int = 0
) -> Sequence[Mapping[str, Json]]:
    """Rows for ``datasets.Dataset.from_list``: the policy as the system's message, an empty user
    message to which ``reset`` adds the opening, and the task's id.
    """
    opened = open_domain(domain)
    prompt: Json = [{"role": "system", "content": opened.policy}, {"role": "user", "content": ""}]
    return [{"prompt": prompt, "task_id": t.id} for t in tasks_of(opened, split, count, seed)]


def _method(tool: Tool) -> Callable[..., str]:
    """The tool as a method with the signature and docstring of which TRL makes its schema."""
    schema: Any = tool.parameters
    properties = schema.get("properties", {})
    required = set(schema.get("required", []))

    def method(self: Any, *args: Any, **arguments: Any) -> str:
        named = {**dict(zip(properties, args, strict=False)), **arguments}
        given = {name: value for name, value in named.items() if value is not None}
        return str(self._episode.call(tool.name, given))

    ordered = sorted(properties, key=lambda name: name not in required)
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for name in ordered:
        kind = _annotation(properties[name])
        default = inspect.Parameter.empty if name in required else None
        parameters.append(
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=default,
                annotation=kind if name in required else kind | None,
            )
        )
    vars(method)["__signature__"] = inspect.Signature(parameters, return_annotation=str)
    method.__annotations__ = {p.name: p.annotation for p in parameters[1:]} | {"return": str}
    method.__name__ = method.__qualname__ = tool.name
    lines = [
        f"    {name}: {_line(properties[name].get('description') or tool.noun(name))}"
        for name in ordered
    ]
    method.__doc__ = "\n".join([_line(tool.description), "", *(["Args:", *lines] if lines else [])])
    return method


def _annotation(schema: Mapping[str, Any]) -> Any:
    kind = schema.get("type")
    if kind == "array":
        inner = _annotation(schema.get("items", {}))
        return list[inner]  # type: ignore[valid-type]
    return _TYPES.get(str(kind), str)


def _line(text: str) -> str:
    return " ".join(text.split()) or "(no description)"
