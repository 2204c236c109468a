"""Flags that several commands share, and how flags become a configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from harness.cli.flag_values import option_tables, or_none, weights

if TYPE_CHECKING:
    from harness.assembly.config import LoopConfig
    from harness.types import Json

PARTS, METHOD, SETTINGS, SPENT = "Plugins", "Method", "Settings", "Chat models"
FOREIGN = "Conversations without a domain"
"""Headings of flags in the help."""

Namer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PARTS,
        help="Chat model that names patterns; 'judge': the judge's model; 'terms': name them by "
        "distinctive terms.",
    ),
]
Option = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PLUGIN.KEY=VALUE", rich_help_panel=SETTINGS, help="Plugin option; repeatable."
    ),
]
Reward = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=WEIGHT", rich_help_panel=SETTINGS, help="Weight of a reward term; repeatable."
    ),
]

Outcome = Annotated[
    str,
    typer.Option(
        metavar="FIELD",
        rich_help_panel=FOREIGN,
        help="Field of each record that says whether it succeeded.",
    ),
]
FailedIf = Annotated[
    str,
    typer.Option(
        metavar="CONDITION",
        rich_help_panel=FOREIGN,
        help="Condition of a failure, such as 'reward < 1 or errors > 2'.",
    ),
]
Redact = Annotated[
    str | None,
    typer.Option(
        metavar="KIND,...",
        rich_help_panel=FOREIGN,
        help="Personal data to replace: email, phone, card, key, "
        "national_id, name; 'none': nothing. Default: all but name.",
    ),
]

Clusterer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=PARTS,
        help="Clusterer that groups failures into error patterns.",
    ),
]
Injector = Annotated[
    str | None,
    typer.Option(metavar="NAME", rich_help_panel=PARTS, help="Generator of targeted tasks."),
]
Trainer = Annotated[
    str | None,
    typer.Option(metavar="NAME", rich_help_panel=PARTS, help="Trainer for RL on targeted tasks."),
]
_Text = str | None


FLAGS: Mapping[str, object] = {
    "domain": Annotated[
        _Text, typer.Option(metavar="NAME", rich_help_panel=PARTS, help="Task domain.")
    ],
    "policy": Annotated[
        _Text,
        typer.Option(
            metavar="NAME",
            rich_help_panel=PARTS,
            help="Agent policy: NAME, NAME:ARGUMENT, a model folder or a Hub id.",
        ),
    ],
    "simulator": Annotated[
        _Text, typer.Option(metavar="NAME", rich_help_panel=PARTS, help="User simulator.")
    ],
    "teacher": Annotated[
        _Text,
        typer.Option(
            metavar="NAME", rich_help_panel=PARTS, help="Policy that produces the demonstrations."
        ),
    ],
    "demonstrations": Annotated[
        _Text,
        typer.Option(
            rich_help_panel=METHOD,
            parser=or_none(int, 1),
            metavar="N|none",
            help="Distinct demonstrations for SFT; none: never reuse one.",
        ),
    ],
    "judge": Annotated[
        _Text,
        typer.Option(metavar="NAME", rich_help_panel=PARTS, help="Judge that diagnoses failures."),
    ],
    "clusterer": Clusterer,
    "namer": Namer,
    "injector": Injector,
    "sft_trainer": Annotated[
        _Text,
        typer.Option(
            metavar="NAME", rich_help_panel=PARTS, help="Trainer for SFT on demonstrations."
        ),
    ],
    "trainer": Trainer,
    "executor": Annotated[
        _Text,
        typer.Option(
            metavar="NAME", rich_help_panel=PARTS, help="Executor that runs the rollouts."
        ),
    ],
    "observers": Annotated[
        _Text,
        typer.Option(
            rich_help_panel=PARTS,
            metavar="NAME,...",
            help="Observers that receive the run's events.",
        ),
    ],
    "baseline_policy": Annotated[
        _Text,
        typer.Option(
            metavar="NAME",
            rich_help_panel=PARTS,
            help="Weak, honest policy to compare the others with.",
        ),
    ],
    "temperature": Annotated[
        float | None,
        typer.Option(
            metavar="T", rich_help_panel=METHOD, min=0, help="Sampling temperature of the policy."
        ),
    ],
    "rounds": Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=METHOD, min=1, help="Number of rounds."),
    ],
    "restart": Annotated[
        Literal["sft", "previous"] | None,
        typer.Option(
            rich_help_panel=METHOD,
            metavar="ARM",
            help="Checkpoint each round starts from: sft, or that of the previous round.",
        ),
    ],
    "pool": Annotated[
        Literal["union", "recent"] | None,
        typer.Option(
            rich_help_panel=METHOD,
            metavar="WHICH",
            help="Tasks to train on: of all rounds (union) or of the latest (recent).",
        ),
    ],
    "control": Annotated[
        Literal["generic", "oracle", "both", "none"] | None,
        typer.Option(
            rich_help_panel=METHOD,
            metavar="KIND",
            help="Control arms on other tasks: generic (of SFT's own kind), oracle (the test's "
            "mix), both, none.",
        ),
    ],
    "warm_start": Annotated[
        bool | None,
        typer.Option(
            rich_help_panel=METHOD,
            help="Imitate the teacher on the tasks of a round before RL on them.",
        ),
    ],
    "seed": Annotated[
        int | None, typer.Option(metavar="N", rich_help_panel=SETTINGS, help="Random seed.")
    ],
    "preset": Annotated[
        _Text,
        typer.Option(
            metavar="NAME",
            rich_help_panel=SETTINGS,
            help="Settings to start from: quick, default, full.",
        ),
    ],
    "config": Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            rich_help_panel=SETTINGS,
            help="TOML file of settings; flags override it.",
        ),
    ],
    "reward": Reward,
    "option": Option,
    "cache": Annotated[
        Literal["off", "read", "write"] | None,
        typer.Option(
            rich_help_panel=SPENT, help="Response cache of chat models: write, read or off."
        ),
    ],
    "budget_usd": Annotated[
        _Text,
        typer.Option(
            "--budget-usd",
            rich_help_panel=SPENT,
            parser=or_none(float, 0),
            metavar="USD|none",
            help="Limit on the run's chat model cost, in dollars.",
        ),
    ],
    "budget_tokens": Annotated[
        _Text,
        typer.Option(
            "--budget-tokens",
            rich_help_panel=SPENT,
            parser=or_none(int, 0),
            metavar="N|none",
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
