"""The points in which official tools part from what they are meant to do, as switches by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal, TypeVar

from harness.assembly.config import nearest, read_options
from harness.errors import ConfigError
from harness.protocols import Settings

S = TypeVar("S", bound="ToolSwitches")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSwitches:
    """What the tools of every official domain do otherwise than meant: a switch that is on is
    tau2's way. A domain adds its own; its page in docs/ compares both ways of each."""

    untyped_arguments: bool = False
    """Arguments of any type reach the tools, which fail in Python's and pydantic's words or take a
    text for a list. Off: what the tool's schema does not allow is refused and named."""

    reserved_arguments: bool = False
    """Arguments called self, tool_name or requestor break tau2's own calls. Off: they are unknown
    to the tool like any other."""

    python_arithmetic: bool = False
    """``calculate`` takes all Python that can be written with digits, operators and parentheses;
    only what would practically never finish is refused. Off: plain, bounded arithmetic."""

    silent_transfer: bool = False
    """A transfer to a human leaves no trace in the state. Off: it counts as a change."""


@dataclass(frozen=True, kw_only=True)
class SwitchOptions:
    """``compat``: the tools as they are meant to be, or as in tau2; ``switches`` by name are set
    on top."""

    compat: Literal["fixed", "tau2"] = "fixed"
    switches: dict[str, bool] = field(default_factory=dict)


def all_on(kind: type[S]) -> S:
    """Everything as in tau2."""
    return kind(**{field.name: True for field in fields(kind)})


def chosen_switches(settings: Settings, name: str, fixed: S, tau2: S) -> S:
    """What the table ``[options.NAME]`` asks for. Raises ``ConfigError`` for what it cannot."""
    options = read_options(SwitchOptions, settings, name=name)
    return with_switches(tau2 if options.compat == "tau2" else fixed, options.switches, name)


def with_switches(compat: S, switches: Mapping[str, bool], domain: str) -> S:
    """``compat`` with these switches set. ``ConfigError`` names the nearest for an unknown one."""
    known = [field.name for field in fields(compat)]
    for name in switches:
        if name not in known:
            raise ConfigError(
                f"there is no switch {name!r} among the {domain} tools",
                hint=nearest(name, known) or f"Known switches: {', '.join(known)}.",
            )
    return replace(compat, **switches)
