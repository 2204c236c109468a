"""Flags that several commands share, and how flags become a configuration."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from harness.assembly.components import Components
    from harness.assembly.config import LoopConfig
    from harness.protocols import Observer
    from harness.types import Json

Domain = Annotated[str | None, typer.Option(help="The domain to work in.")]
Policy = Annotated[
    str | None,
    typer.Option(help="The agent: a name, NAME:ARGUMENT, a model folder or a hub id."),
]
Simulator = Annotated[str | None, typer.Option(help="Who plays the user.")]
Namer = Annotated[
    str | None,
    typer.Option(help="The chat model that names patterns; judge: the judge's own; terms: none."),
]
Teacher = Annotated[str | None, typer.Option(help="Who makes demonstrations.")]
Demonstrations = Annotated[
    int | None,
    typer.Option(min=1, help="How many different ones SFT gets; without: never one twice."),
]
SftTrainer = Annotated[str | None, typer.Option(help="What trains on demonstrations.")]
Executor = Annotated[str | None, typer.Option(help="Where conversations run.")]
Listener = Annotated[
    list[str] | None, typer.Option(help="Who hears of the run's events; repeatable.")
]
Seed = Annotated[int | None, typer.Option(help="Seed of everything random.")]
Preset = Annotated[str | None, typer.Option(help="quick, default or full.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML file; flags win.")]
Reward = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=WEIGHT", help="Weight of a reward term; repeatable."),
]
Option = Annotated[
    list[str] | None,
    typer.Option(metavar="PLUGIN.KEY=VALUE", help="An option of a plugin; repeatable."),
]
Cache = Annotated[
    Literal["off", "read", "write"] | None,
    typer.Option(help="Answers of chat models: keep and reuse (write), only reuse, or neither."),
]
BudgetUsd = Annotated[
    float | None,
    typer.Option("--budget-usd", min=0, help="What chat models may cost over the whole run."),
]
BudgetTokens = Annotated[
    int | None,
    typer.Option("--budget-tokens", min=0, help="Tokens chat models may use over the whole run."),
]
SPENDING = ("cache", "budget_usd", "budget_tokens")
"""The settings that a resumed run takes anew."""

Out = Annotated[Path | None, typer.Option(help="The run folder to make.")]
Run = Annotated[Path, typer.Argument(help="A run folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan; run and write nothing.")]


def asked(context: typer.Context, *, resume: Path | None = None, **sizes: int | None) -> LoopConfig:
    """The configuration that the command's flags ask for, or that of the run to be resumed.

    A flag is a setting if it has its name; ``sizes`` are settings under other names. Raises a usage
    error for any other setting than ``SPENDING`` beside ``resume``: the run has its own already.
    """
    from harness.assembly.config import LoopConfig, load_config, parse_config
    from harness.run_folder import RunFolder

    given = {name: value for name, value in context.params.items() if value not in (None, [], ())}
    if resume is not None:
        _refuse_settings(context, given)
        return parse_config(RunFolder.open(resume).config)
    settings = {f.name: given[f.name] for f in fields(LoopConfig) if f.name in given}
    return load_config(
        preset=settings.pop("preset", None),
        file=Path(given["config"]) if "config" in given else None,  # some Typers leave a string
        flags={
            **settings,
            **sizes,
            "observers": given.get("observer"),
            "rewards": weights(given.get("reward")) or None,
            "options": option_tables(given.get("option")) or None,
        },
    )


def spending(context: typer.Context) -> dict[str, Json]:
    """What chat models may cost, as the command's flags say; None where they do not."""
    return {name: context.params[name] for name in SPENDING}


def _refuse_settings(context: typer.Context, given: Collection[str]) -> None:
    stay = {*SPENDING, "out", "resume", "split", "dry_run", "as_json"}
    for flag in context.command.params:
        if flag.name in given and flag.name not in stay:
            raise typer.BadParameter(
                "a resumed run keeps its settings; give no others", param_hint=flag.opts[0]
            )


def weights(given: Sequence[str] | None) -> dict[str, float]:
    """The weights of ``--reward``, by term."""
    return {name: float(value) for name, value in _pairs(given, "--reward", number=True)}


def refuse_unused(tables: Iterable[str], used: Sequence[str]) -> None:
    """Raise ``ConfigError`` for an option of a plugin that is not among those used."""
    from harness.assembly.config import nearest
    from harness.errors import ConfigError

    for name in sorted(set(tables) - set(used)):
        raise ConfigError(
            f"--option {name}.… is not used here",
            hint=nearest(name, used) or f"Options are read of: {', '.join(used)}.",
        )


def option_tables(options: Sequence[str] | None, plugin: str = "") -> dict[str, dict[str, Json]]:
    """The options by plugin; those of ``plugin``, if it is named, may be given without its name."""
    tables: dict[str, dict[str, Json]] = {}
    for key, value in _pairs(options, "--option"):
        owner, dot, name = key.partition(".")
        if not dot and not plugin:
            raise typer.BadParameter(f"{key!r} is not PLUGIN.KEY", param_hint="--option")
        owner, name = (owner, name) if dot else (plugin, key)
        tables.setdefault(owner, {})[name] = _toml_value(value)
    return tables


def make_parts(config: LoopConfig, observers: tuple[Observer, ...] = ()) -> Components:
    """The plugin products of a configuration, every name checked."""
    from harness.assembly.components import Components
    from harness.llm.roles import open_registry

    return Components(config, open_registry(), observers)


def _pairs(
    given: Sequence[str] | None, flag: str, *, number: bool = False
) -> list[tuple[str, str]]:
    pairs = []
    for item in given or ():
        name, equals, value = item.partition("=")
        if not equals or not name or (number and not _is_number(value)):
            shape = "NAME=NUMBER" if number else "PLUGIN.KEY=VALUE"
            raise typer.BadParameter(f"{item!r} is not {shape}", param_hint=flag)
        pairs.append((name, value))
    return pairs


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _toml_value(text: str) -> Json:
    import tomllib

    try:
        value: Json = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    return value
