"""Turn a conversation with calls of tools that the domain does not have into one without them.

Agents and users that were recorded elsewhere may have tools of their own: plans, notes, look-ups of
the policy, a check whether to stop. Such a call changes nothing in the domain and is no mistake.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from harness.protocols import Domain
from harness.types import Episode, Message, ToolCall, Trajectory


def tool_names(domain: Domain) -> frozenset[str]:
    """The names of all tools of the domain, the agent's and the user's."""
    return frozenset(tool.name for tool in (*domain.tools, *domain.user_tools))


def without_foreign_calls(
    trajectory: Trajectory, known: Collection[str]
) -> tuple[Trajectory, tuple[int, ...]]:
    """The trajectory without the calls of tools that are not ``known`` and without their results,
    and for each message left its index in the whole.

    A call that was answered with an error stays: that tool did not exist there either. What was
    said beside calls that are left out goes before the next words of the same side.
    """
    calls, results = _foreign(trajectory.messages, known)
    if not calls:
        return trajectory, tuple(range(len(trajectory.messages)))
    kept: list[tuple[int, Message]] = []
    aside: tuple[int, Message] | None = None
    for index, message in enumerate(trajectory.messages):
        if index in results:
            continue
        left = tuple(c for place, c in enumerate(message.calls) if (index, place) not in calls)
        whole = replace(message, calls=left) if len(left) < len(message.calls) else message
        if aside is not None and aside[1].role == message.role:
            words = "\n".join(filter(None, (aside[1].content, message.content)))
            whole = replace(whole, content=words)
        elif aside is not None and aside[1].content:
            kept.append(aside)
        aside = None
        if message.calls and not left:
            aside = (index, replace(whole, requestor="agent"))
        else:
            kept.append((index, whole))
    if aside is not None and aside[1].content:
        kept.append(aside)
    messages = tuple(message for _, message in kept)
    return replace(trajectory, messages=messages), tuple(index for index, _ in kept)


def episode_without_foreign_calls(
    episode: Episode, known: Collection[str]
) -> tuple[Episode, tuple[int, ...]]:
    """The same for the trajectory of an episode, which is the episode itself if it has none."""
    trajectory, turns = without_foreign_calls(episode.trajectory, known)
    same = trajectory is episode.trajectory
    return episode if same else replace(episode, trajectory=trajectory), turns


def _foreign(
    messages: Sequence[Message], known: Collection[str]
) -> tuple[set[tuple[int, int]], set[int]]:
    """The foreign calls, each as the index of its message and its place there, and the indices of
    their results: those with their ids, or else those that come first.
    """
    calls: set[tuple[int, int]] = set()
    results: set[int] = set()
    waiting: list[tuple[int, int]] = []
    for index, message in enumerate(messages):
        if message.role != "tool":
            waiting = [(index, place) for place in range(len(message.calls))]
            calls |= {at for at in waiting if _made(messages, at).name not in known}
        elif waiting:
            same = (at for at in waiting if _made(messages, at).id == message.call_id)
            made = next(same, waiting[0])
            waiting.remove(made)
            if made in calls and message.is_error:
                calls.remove(made)
            elif made in calls:
                results.add(index)
    return calls, results


def _made(messages: Sequence[Message], at: tuple[int, int]) -> ToolCall:
    index, place = at
    return messages[index].calls[place]
