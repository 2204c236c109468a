"""Turn an error pattern into real changes in a fresh world: a chat model at work with the tools."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.errors import RolloutFault
from harness.llm.prompts import prompt
from harness.llm.quoting import plain, quoted
from harness.protocols import ChatClient, Domain
from harness.types import Message, Task, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """What was done in the world of ``base``: each call that succeeded, with its answer, in order.

    ``base`` is a fresh task of the domain's generator, of which only world and customer are used.
    ``failed`` are the calls that did not succeed. ``trap`` says in the explorer's words how the
    mistake is provoked.
    """

    base: Task
    calls: tuple[ToolCall, ...]
    answers: tuple[str, ...]
    failed: int
    trap: str
    writing: frozenset[str]

    @property
    def writes(self) -> tuple[ToolCall, ...]:
        """The calls that changed the world: what the customer is to want."""
        return tuple(call for call in self.calls if call.name in self.writing)

    @property
    def looked_up(self) -> tuple[str, ...]:
        """What the calls answered that changed nothing."""
        pairs = zip(self.calls, self.answers, strict=True)
        return tuple(answer for call, answer in pairs if call.name not in self.writing)

    @property
    def gold(self) -> tuple[ToolCall, ...]:
        """The writes, after the look-ups that came before the last of them; none of them twice."""
        kept: list[ToolCall] = []
        for call in self.calls:
            if call.name in self.writing or not any(call.same_as(other) for other in kept):
                kept.append(call)
        while kept and kept[-1].name not in self.writing:
            kept.pop()
        return tuple(kept)


async def explore(
    chat: ChatClient, domain: Domain, base: Task, pattern: str, *, turns: int, seed: int
) -> Exploration:
    """What the model did in the world of ``base`` until it answered in words, or ran out of turns.

    pattern: the mistake to provoke, in words. Raises ``RolloutFault`` ("infrastructure_fault") if
    nothing was changed: there is then nothing for a customer to want.
    """
    about = prompt("explore")
    system = about.fill(pattern=pattern, policy=domain.policy or "(none are written down)")
    # Handing the customer over and the like are no changes that a customer could want.
    tools = [tool for tool in domain.tools if tool.kind != "generic"]
    writing = frozenset(tool.name for tool in tools if tool.kind == "write")
    names = {tool.name for tool in tools}
    world = domain.open(base)
    messages = [Message(role="user", content=_customer(base))]
    done: list[tuple[ToolCall, str]] = []
    failed, trap = 0, ""
    for _ in range(turns):
        reply = await chat.ask(
            messages, system=system, version=about.version, tools=tools, seed=seed
        )
        messages.append(reply.message)
        if not reply.message.calls:
            trap = plain(reply.message.content)
            break
        for call in reply.message.calls:
            made = replace(call, id="", requestor="agent")
            known = made.name in names
            result = world.call(made) if known else None
            content = result.content if result else f"Error: there is no tool {made.name!r}"
            is_error = result is None or result.is_error
            messages.append(
                Message(role="tool", content=content, call_id=call.id, is_error=is_error)
            )
            failed += is_error
            if not is_error:
                done.append((made, content))
    found = Exploration(
        base=base,
        calls=tuple(call for call, _ in done),
        answers=tuple(answer for _, answer in done),
        failed=failed,
        trap=trap,
        writing=writing,
    )
    if not found.writes or not world.changes():
        raise RolloutFault("infrastructure_fault", "the explorer changed nothing")
    return found


def customer_lines(base: Task) -> Sequence[str]:
    """What is known of the customer, quoted: what it says to be found, and what it knows."""
    scenario = base.scenario
    lines = [f"To be found, the customer says: {quoted(f.says[0])}" for f in scenario.identity]
    if scenario.known:
        lines.append(f"Known of the customer: {quoted(scenario.known)}")
    return lines or [f"Why a customer of this database writes: {quoted(scenario.reason)}"]


def _customer(base: Task) -> str:
    return "\n".join(["# The customer", *customer_lines(base), "", "Begin."])
