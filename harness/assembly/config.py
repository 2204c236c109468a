"""Turn a preset, a TOML file and flags into one frozen ``LoopConfig``; read the options of
plugins.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, get_args, get_type_hints

from annotated_types import Ge, Gt, Le

from harness.errors import ConfigError
from harness.runtime.json_lines import adapter
from harness.types import Json
from harness.types.names import ControlKind

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from harness.protocols import Settings

    D = TypeVar("D", bound=DataclassInstance)
else:
    D = TypeVar("D")

PRESETS = ("quick", "default", "full")

# As pydantic names them; that is imported only where a configuration is read.
PositiveInt = Annotated[int, Ge(1)]
NonNegativeInt = Annotated[int, Ge(0)]
PositiveFloat = Annotated[float, Gt(0)]
NonNegativeFloat = Annotated[float, Ge(0)]
Share = Annotated[float, Ge(0), Le(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]

Control = Literal["generic", "oracle", "both", "none"]

OWN_TABLES = frozenset(
    {"path", "calls", "user", "agent", "judge", "injector", "admission", "warm_start"}
)
"""Option tables that belong to no plugin: model folders, calls to chat models, the roles that the
core makes of any chat model, the gates of the task pool, and what the trainer of SFT has otherwise
in a warm start.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopConfig:
    """Everything that decides what a run does. The names of plugins are as in ``harness plugins``.

    ``teacher`` is the policy that makes demonstrations, ``baseline_policy`` the weak, honest one
    that reward-hacking policies are compared with. ``temperature`` is that of evaluation.
    ``demonstrations``: how many different ones SFT gets, repeated as needed (None: as many as it
    trains on); ``easy_demonstrations``: the share of them, in [0, 1], on tasks that nothing makes
    harder; ``sft_domains``: the domains that they are of in turn (none named: ``domain``), for a
    policy that is to work in several. ``warm_start``: before RL, imitate the teacher's
    conversations on the same tasks beside as many old demonstrations, with the trainer of SFT.
    ``restart``: train each round from the SFT checkpoint or from the previous round's; ``pool``:
    train on the tasks of all rounds or of the last only; ``replay_decay``: what share of a round's
    tasks is kept for each newer round (1: all). ``discover_from``: read the failures of later
    rounds in validation conversations, or in the latest rollouts of the training before, which are
    had anyway and on the pool's own tasks. ``keep_every``: how many steps of RL lie between kept
    weights (0: only those at the end). ``control``: add arms with the same settings on as many
    other tasks: "generic" ones, of the kind that SFT was shown, "oracle" ones, of the mix that the
    test has, which no team knows, "both" or "none". ``rewards`` are weights (unitless) by term;
    ``options`` are tables by plugin name. ``cache`` says what to do with answers of chat models:
    "write" keeps and reuses them, "read" only reuses, "off" neither; ``budget_usd`` and
    ``budget_tokens`` are what they may cost over the whole run (None: no limit). ``time_limit``
    ends a conversation that takes longer as a fault. ``min_coverage`` (a share of the agent's
    failures) and ``min_gap`` (percentage points above its frequency in successes) are what a
    pattern needs to be trained on. ``namer`` is the chat model that names patterns: "judge": that
    of the judge, where it has one; "terms": none, names are distinctive terms. ``blame_tests``:
    also have the judge attribute failures on test tasks. ``keep_trajectories``: keep the text of
    each RL conversation next to its counts. ``keep_tokens``: keep the tokens that the policy
    sampled, with their log-probabilities and the weights they are from, of evaluations and of RL
    conversations (and these with their text).
    """

    domain: str = ""
    policy: str = ""
    simulator: str = ""
    teacher: str = ""
    judge: str = ""
    clusterer: str = ""
    namer: str = "judge"
    injector: str = ""
    sft_trainer: str = ""
    trainer: str = ""
    executor: str = ""
    baseline_policy: str = ""
    observers: tuple[str, ...] = ()
    seed: int = 0
    rounds: PositiveInt = 1
    restart: Literal["sft", "previous"] = "sft"
    pool: Literal["union", "recent"] = "union"
    replay_decay: Share = 1.0
    discover_from: Literal["validation", "rollouts"] = "validation"
    keep_every: NonNegativeInt = 0
    warm_start: bool = False
    control: Control = "generic"
    validation_tasks: PositiveInt = 100
    validation_trials: PositiveInt = 2
    test_tasks: PositiveInt = 100
    test_trials: PositiveInt = 4
    targeted_tasks: PositiveInt = 200
    demonstrations: PositiveInt | None = None
    easy_demonstrations: Share = 1.0
    sft_domains: tuple[str, ...] = ()
    held_out_demonstrations: NonNegativeInt = 64
    temperature: NonNegativeFloat = 0.7
    message_limit: PositiveInt = 80
    max_errors: PositiveInt = 10
    time_limit: PositiveFloat | None = None
    min_coverage: Share = 0.01
    min_gap: float = 0.0
    blame_tests: bool = True
    keep_trajectories: bool = False
    keep_tokens: bool = False
    cache: Literal["off", "read", "write"] = "write"
    budget_usd: NonNegativeFloat | None = None
    budget_tokens: NonNegativeInt | None = None
    rewards: dict[str, float] = field(default_factory=dict)
    options: dict[str, dict[str, Json]] = field(default_factory=dict)
    preset: str = "default"

    def plain(self) -> dict[str, Json]:
        """As JSON values, to be saved with the run."""
        return asdict(self)

    @property
    def other_domains(self) -> tuple[str, ...]:
        """Those of ``sft_domains`` that are not ``domain``."""
        return tuple(name for name in dict.fromkeys(self.sft_domains) if name != self.domain)

    @property
    def controls(self) -> tuple[ControlKind, ...]:
        """The kinds of control that each round has."""
        if self.control == "both":
            return get_args(ControlKind)
        return () if self.control == "none" else (self.control,)

    def chosen(self) -> set[str]:
        """The names of all products this configuration uses."""
        single = [
            self.domain, self.policy, self.simulator, self.teacher, self.judge, self.clusterer,
            self.namer, self.injector, self.sft_trainer, self.trainer, self.executor,
            self.baseline_policy,
        ]  # fmt: skip
        names = [*single, *self.sft_domains, *self.observers, *self.rewards]
        return {name.partition(":")[0] for name in names} | OWN_TABLES


def load_config(
    *,
    preset: str | None = None,
    file: Path | None = None,
    flags: Mapping[str, object] | None = None,
    common: Mapping[str, object] | None = None,
) -> LoopConfig:
    """The preset, overridden by what is common to several configurations (whose tables may be for
    plugins of another one), overridden by the file, overridden by flags (None: not given).

    A file may name its preset; ``preset`` wins over it, and without either it is "default".
    Raises ``ConfigError`` for an unknown preset or key, a value of the wrong type, an option table
    that nothing in this configuration uses, and a file that cannot be read.
    """
    written = read_toml(file) if file else {}
    written.pop("recipe", None)  # what the run needs is for `harness plan`
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    preset = preset or str(written.get("preset", "default"))
    table = _preset(preset)
    for layer in (common or {}, written, given):
        table = merged(table, layer)
    config = parse_config({**table, "preset": preset})
    _refuse_unused({*_tables(written), *_tables(given)}, config)
    used = {name: table for name, table in config.options.items() if name in config.chosen()}
    return parse_config({**config.plain(), "options": used})


def changed(settings: Mapping[str, object], changes: Mapping[str, object]) -> LoopConfig:
    """The settings of a run with some replaced, ``options`` key by key. Raises ``ConfigError``, as
    ``load_config``, for an option table that nothing in them uses.
    """
    tables = {"options": settings.get("options", {})}, {"options": changes.get("options", {})}
    config = parse_config({**settings, **changes, **merged(*tables)})
    _refuse_unused({*_tables(changes)}, config)
    return config


def _refuse_unused(tables: set[str], config: LoopConfig) -> None:
    for name in sorted(tables - config.chosen()):
        raise ConfigError(
            f"[options.{name}] is not used by this configuration",
            hint=nearest(name, sorted(config.chosen()))
            or "Remove the table, or choose the plugin it belongs to.",
        )


def parse_config(table: Mapping[str, object]) -> LoopConfig:
    """The settings in the table. Raises ``ConfigError``, naming the nearest key for an unknown
    one.
    """
    _refuse_unknown(LoopConfig, table, "unknown setting", "Known settings")
    return validated(LoopConfig, table, where="setting")


def read_options(shape: type[D], settings: Settings, *, name: str) -> D:
    """The plugin's option table as ``shape``, a dataclass whose fields are the options.

    Raises ``ConfigError`` for a key that is no field (naming the nearest) or a value of the wrong
    type.
    """
    if _ONLY_ASKED.get():
        raise _OptionsRead(shape)
    _refuse_unknown(shape, settings.options, f"{name} has no option", "Known options")
    return validated(shape, settings.options, where=f"option of {name}")


class _OptionsRead(BaseException):
    """The options that a factory reads are known; no factory is to catch this."""

    def __init__(self, shape: type[DataclassInstance]) -> None:
        super().__init__(shape)
        self.shape = shape


_ONLY_ASKED: ContextVar[bool] = ContextVar("only_asked", default=False)


def options_read_by(factory: Callable[[Settings], object]) -> type[DataclassInstance] | None:
    """The dataclass of the options that a factory reads first; None if it makes its product without
    any. Nothing that comes after the options is done.

    Raises ``ConfigError`` with the reason if the factory fails before.
    """
    from harness.protocols import Settings

    token = _ONLY_ASKED.set(True)
    try:
        factory(Settings())
    except _OptionsRead as read:
        return read.shape
    except (Exception, SystemExit) as error:  # whatever a stranger's factory raises
        raise ConfigError(
            f"its options are not known: {type(error).__name__}: {error}",
            hint=getattr(error, "hint", "") or "Its factory fails before it reads them.",
        ) from error
    finally:
        _ONLY_ASKED.reset(token)
    return None


def read_tables(file: Path) -> dict[str, dict[str, Json]]:
    """The option tables of a config file, by plugin name. Raises ``ConfigError``."""
    tables = read_toml(file).get("options", {})
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise ConfigError(
            f"{file}: options are not tables", hint="Write them as [options.PLUGIN] tables."
        )
    return tables


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint that names the nearest known word, or "" if none is near.

    What follows the name of a family ("tau2-") must be near in itself: no member of it is another
    one misspelled.
    """
    near = difflib.get_close_matches(word, known, n=max(1, len(known)))
    found = next((one for one in near if _differ_by_spelling(word, one)), "")
    return f"Did you mean {found!r}?" if found else ""


def _differ_by_spelling(word: str, known: str) -> bool:
    family, _, own = word.partition("-")
    other = known.removeprefix(f"{family}-")
    return not own or other == known or bool(difflib.get_close_matches(own, [other]))


def read_table(shape: type[D], table: object, *, where: str) -> D:
    """A table of a file as ``shape``, a dataclass whose fields are the keys it may have.

    Raises ``ConfigError``, naming ``where``, for another key, a value of the wrong type, and for
    what is no table.
    """
    if not isinstance(table, Mapping):
        raise ConfigError(
            f"{where} is {table!r}, not a table", hint="Write it as a table of keys and values."
        )
    _refuse_unknown(shape, table, f"{where} has no key", "Known keys")
    return validated(shape, table, where=f"key of {where}")


def _refuse_unknown(
    shape: type[DataclassInstance], table: Iterable[str], problem: str, known_as: str
) -> None:
    """Raise ``ConfigError``, naming the nearest field, for a key that is no field of the shape."""
    known = [f.name for f in fields(shape)]
    for key in table:
        if key not in known:
            listed = f"{known_as}: {', '.join(known) or 'none'}."
            raise ConfigError(f"{problem} {key!r}", hint=nearest(key, known) or listed)


def validated(shape: type[D], table: Mapping[str, object], *, where: str) -> D:
    """The table as ``shape``; "none" unsets a setting that may be unset. Raises ``ConfigError`` for
    a value of the wrong type or out of its bounds.
    """
    from pydantic import ValidationError

    table = _unset(shape, table)
    for key, value in table.items():
        if isinstance(value, float) and not isfinite(value):
            raise ConfigError(
                f"{where} {key!r}: found {value}, expected a finite number",
                hint='Leave it out, or set it to "none", for no limit.',
            )
    try:
        return adapter(shape).validate_python(table)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{where} {key!r}: {first['msg'].lower()}, found {first['input']!r}",
            hint="Correct it in the config file or on the command line.",
        ) from None


def _unset(shape: type[DataclassInstance], table: Mapping[str, object]) -> dict[str, object]:
    """The table with None for "none", which TOML has no other word for, where a field can be None
    and no text.
    """
    if "none" not in table.values():
        return dict(table)
    kinds = {name: get_args(kind) for name, kind in get_type_hints(shape).items()}
    optional = {name for name, kind in kinds.items() if type(None) in kind and str not in kind}
    return {
        key: None if value == "none" and key in optional else value for key, value in table.items()
    }


def read_toml(file: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises ``ConfigError`` if it cannot be read or is not valid."""
    try:
        return tomllib.loads(file.read_text())
    except OSError as error:
        raise ConfigError(
            f"cannot read {file}: {error.strerror}", hint="Check the path given to --config."
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not valid TOML: {error}", hint="Fix that line.") from None


def _preset(name: str) -> dict[str, Any]:
    if name not in PRESETS:
        raise ConfigError(
            f"no preset is called {name!r} (known: {', '.join(PRESETS)})",
            hint=nearest(name, PRESETS) or "Leave --preset out for the default.",
        )
    common = tomllib.loads((files("harness.assembly") / "presets" / "common.toml").read_text())
    own = tomllib.loads((files("harness.assembly") / "presets" / f"{name}.toml").read_text())
    return merged(common, own)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Both, table by table; where both have a value, the one above."""
    both = dict(below)
    for key, value in above.items():
        old = both.get(key)
        both[key] = (
            merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
        )
    return both


def _tables(layer: Mapping[str, Any]) -> set[str]:
    tables = layer.get("options", {})
    return set(tables) if isinstance(tables, Mapping) else set()
