"""Flags that several commands share, and how flags become a configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from harness.assembly.config import LoopConfig
    from harness.interchange.foreign import Adoption
    from harness.types import Json

Namer = Annotated[
    str | None,
    typer.Option(
        help="Chat model that names patterns; 'judge': the judge's model; 'terms': name them by "
        "distinctive terms."
    ),
]
Option = Annotated[
    list[str] | None,
    typer.Option(metavar="PLUGIN.KEY=VALUE", help="Plugin option; repeatable."),
]
Reward = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=WEIGHT", help="Weight of a reward term; repeatable."),
]

Outcome = Annotated[
    str,
    typer.Option(metavar="FIELD", help="Field of each record that says whether it succeeded."),
]
FailedIf = Annotated[
    str,
    typer.Option(
        metavar="CONDITION", help="Condition of a failure, such as 'reward < 1 or errors > 2'."
    ),
]
Redact = Annotated[
    str | None,
    typer.Option(
        metavar="KIND,...",
        help="Personal data to replace in conversations without a domain: email, phone, card, key, "
        "name; 'none': nothing. Default: all but name.",
    ),
]

_Text = str | None


def _or_none(number: type[int] | type[float], least: int) -> Callable[[str], int | float | str]:
    """Reads a number from ``least`` on, or "none", which unsets the setting."""

    def read(text: str) -> int | float | str:
        if text == "none":
            return text
        try:
            found = number(text)
        except ValueError:
            kind = "integer" if number is int else "number"
            raise typer.BadParameter(f"{text!r} is neither a valid {kind} nor 'none'") from None
        if not found >= least:
            raise typer.BadParameter(f"{text} is not in the range x>={least}")
        return found

    return read


FLAGS: Mapping[str, object] = {
    "domain": Annotated[_Text, typer.Option(help="Task domain.")],
    "policy": Annotated[
        _Text,
        typer.Option(help="Agent policy: NAME, NAME:ARGUMENT, a model folder or a Hub id."),
    ],
    "simulator": Annotated[_Text, typer.Option(help="User simulator.")],
    "teacher": Annotated[_Text, typer.Option(help="Policy that produces the demonstrations.")],
    "demonstrations": Annotated[
        _Text,
        typer.Option(
            parser=_or_none(int, 1),
            metavar="INTEGER|none",
            help="Distinct demonstrations for SFT; none: never reuse one.",
        ),
    ],
    "judge": Annotated[_Text, typer.Option(help="Judge that diagnoses failures.")],
    "clusterer": Annotated[
        _Text, typer.Option(help="Clusterer that groups failures into error patterns.")
    ],
    "namer": Namer,
    "injector": Annotated[_Text, typer.Option(help="Generator of targeted tasks.")],
    "sft_trainer": Annotated[_Text, typer.Option(help="Trainer for SFT on demonstrations.")],
    "trainer": Annotated[_Text, typer.Option(help="Trainer for RL on targeted tasks.")],
    "executor": Annotated[_Text, typer.Option(help="Executor that runs the rollouts.")],
    "observers": Annotated[
        _Text, typer.Option(metavar="NAME,...", help="Observers that receive the run's events.")
    ],
    "baseline_policy": Annotated[
        _Text, typer.Option(help="Weak, honest policy to compare the others with.")
    ],
    "temperature": Annotated[
        float | None, typer.Option(min=0, help="Sampling temperature of the policy.")
    ],
    "rounds": Annotated[int | None, typer.Option(min=1, help="Number of rounds.")],
    "restart": Annotated[
        Literal["sft", "previous"] | None,
        typer.Option(help="Checkpoint each round starts from: SFT or the previous round's."),
    ],
    "pool": Annotated[
        Literal["union", "recent"] | None,
        typer.Option(help="Tasks to train on: those of all rounds or of the latest."),
    ],
    "control": Annotated[
        Literal["generic", "oracle", "both", "none"] | None,
        typer.Option(
            help="Also train with the same budget on as many tasks of SFT's own kind (generic) or "
            "of the test's mix (oracle)."
        ),
    ],
    "warm_start": Annotated[
        bool | None,
        typer.Option(help="Imitate the teacher on the tasks of a round before RL on them."),
    ],
    "seed": Annotated[int | None, typer.Option(help="Random seed.")],
    "preset": Annotated[_Text, typer.Option(help="Settings to start from: quick, default, full.")],
    "config": Annotated[
        Path | None, typer.Option("--config", help="TOML file of settings; flags override it.")
    ],
    "reward": Reward,
    "option": Option,
    "cache": Annotated[
        Literal["off", "read", "write"] | None,
        typer.Option(help="Response cache of chat models: write, read or off."),
    ],
    "budget_usd": Annotated[
        _Text,
        typer.Option(
            "--budget-usd",
            parser=_or_none(float, 0),
            metavar="FLOAT|none",
            help="Limit on the run's chat model cost, in dollars.",
        ),
    ],
    "budget_tokens": Annotated[
        _Text,
        typer.Option(
            "--budget-tokens",
            parser=_or_none(int, 0),
            metavar="INTEGER|none",
            help="Limit on the run's chat model tokens.",
        ),
    ],
}
"""The flags by which settings are given, each under the name of its setting."""

START = ("seed", "preset", "config")
ROLLOUTS = ("domain", "policy", "simulator", "executor", "observers")
SPENDING = ("cache", "budget_usd", "budget_tokens")
"""The settings that a resumed run takes anew."""

Out = Annotated[Path | None, typer.Option(help="Run folder to create.")]
Resume = Annotated[Path | None, typer.Option(help="Run folder to resume, with its settings.")]
Run = Annotated[Path, typer.Argument(help="Run folder.")]
Round = Annotated[int, typer.Option("--round", min=1, help="Round number.")]
Again = Annotated[bool, typer.Option("--again", help="Repeat it if it was done before.")]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust",
        help="Grant what the folder or file asks for: chat models, servers, models, other files.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the plan without running or writing anything.")
]


def takes(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A command that also has these of ``FLAGS``; ``asked`` reads them from its context."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True).parameters

        @wraps(command)
        def with_flags(**given: Any) -> None:
            command(**{name: given[name] for name in own})

        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = {
            name: inspect.Parameter(name, keyword, default=None, annotation=FLAGS[name])
            for name in names
        }
        every = [*shared.values(), *(one.replace(kind=keyword) for one in own.values())]
        vars(with_flags)["__signature__"] = inspect.Signature(every)
        with_flags.__annotations__ = {one.name: one.annotation for one in every}
        return with_flags

    return add


def asked(context: typer.Context, *, resume: Path | None = None, **sizes: int | None) -> LoopConfig:
    """The configuration that the command's flags ask for, or that of the run to be resumed.

    A flag is a setting if it has its name; ``sizes`` are settings under other names. Raises a usage
    error for any other setting than ``SPENDING`` beside ``resume``: the run has its own already.
    """
    from harness.assembly.config import LoopConfig, load_config, parse_config
    from harness.run_folder import RunFolder

    given = {name: value for name, value in context.params.items() if value not in (None, [], ())}
    if resume is not None:
        _refuse_settings(context, given, resume)
        return parse_config(RunFolder.open(resume).config)
    settings = {f.name: given[f.name] for f in fields(LoopConfig) if f.name in given}
    return load_config(
        preset=settings.pop("preset", None),
        file=Path(given["config"]) if "config" in given else None,  # some Typers leave a string
        flags={
            **settings,
            **sizes,
            "observers": given["observers"].split(",") if "observers" in given else None,
            "rewards": weights(given.get("reward")) or None,
            "options": option_tables(given.get("option")) or None,
        },
    )


def spending(context: typer.Context) -> dict[str, Json]:
    """What chat models may cost, as the command's flags say; None where they do not."""
    return {name: context.params[name] for name in SPENDING}


def _refuse_settings(context: typer.Context, given: Collection[str], resume: Path) -> None:
    if context.params.get("out") not in (None, resume):
        raise typer.BadParameter("give --out or --resume, not both")
    stay = {*SPENDING, "out", "resume", "split", "trust", "dry_run", "as_json"}
    for flag in context.command.params:
        if flag.name in given and flag.name not in stay:
            raise typer.BadParameter(
                "a resumed run keeps its settings; omit this flag", param_hint=flag.opts[0]
            )


def weights(given: Sequence[str] | None) -> dict[str, float]:
    """The weights of ``--reward``, by term."""
    return {name: float(value) for name, value in _pairs(given, "--reward", number=True)}


def grid(given: Sequence[str] | None) -> dict[str, list[float]]:
    """The weights of ``--grid``, by term."""
    axes = {}
    for name, values in _pairs(given, "--grid", shape="NAME=W,W,..."):
        parts = values.split(",")
        if not all(map(_is_number, parts)):
            raise typer.BadParameter(f"{name}={values!r} is not NAME=W,W,...", param_hint="--grid")
        axes[name] = [float(part) for part in parts]
    return axes


def adoption(outcome: str, failed_if: str, redact: str | None) -> Adoption | None:
    """How conversations without a domain are read; None if no flag says anything of it."""
    from harness.interchange.foreign import Adoption
    from harness.interchange.personal_data import BY_DEFAULT, kinds_of

    if not outcome and not failed_if and redact is None:
        return None
    kinds = BY_DEFAULT if redact is None else kinds_of(redact)
    return Adoption(outcome=outcome, failed_if=failed_if, redact=kinds)


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


def _pairs(
    given: Sequence[str] | None, flag: str, *, number: bool = False, shape: str = ""
) -> list[tuple[str, str]]:
    pairs = []
    for item in given or ():
        name, equals, value = item.partition("=")
        if not equals or not name or (number and not _is_number(value)):
            wanted = shape or ("NAME=NUMBER" if number else "PLUGIN.KEY=VALUE")
            raise typer.BadParameter(f"{item!r} is not {wanted}", param_hint=flag)
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
