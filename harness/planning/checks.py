"""Turn what a recipe needs into a list of what is there and what is missing on this machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from urllib.parse import urlsplit

from harness.assembly.components import Components
from harness.assembly.extras import DISTRIBUTION
from harness.assembly.registry import SPEAKING
from harness.errors import HarnessError
from harness.planning.estimate import GIB, peak
from harness.planning.recipes import Recipe
from harness.types import Json

Row = Mapping[str, str]

GOOD, MISSING, UNKNOWN = "good", "missing", "unknown"

_WANTED = re.compile(r"^(?P<name>[\w.-]+)(\[[^]]*\])?\s*(?P<bounds>[^;]*)(;(?P<marker>.*))?$")
_BOUND = re.compile(r"(>=|<=|==|<|>|~=|!=)\s*([\w.]+)")


def checks(parts: Components, recipe: Recipe) -> list[Row]:
    """A row per check: ``check``, ``state`` ("good", "missing" or "unknown"), ``detail``: what was
    found, and what to do about what is missing.
    """
    return [
        *_plugins(parts),
        *_packages(recipe),
        *_chat_models(parts),
        *_folders(recipe),
        *_servers(recipe),
        *_hardware(recipe),
        *_fits(recipe),
    ]


def satisfied(found: str, bounds: str) -> bool:
    """Whether a version is within bounds as pip writes them, by its numbers alone."""
    limits = _BOUND.findall(bounds)
    return all(_holds(_numbers(found), sign, _numbers(limit)) for sign, limit in limits)


def _plugins(parts: Components) -> Iterator[Row]:
    for kind, name in parts.names():
        try:
            offer, _ = parts.registry.find(kind, name)
        except HarnessError as error:
            yield _row(f"{kind} {name}", MISSING, f"{error} {error.hint}")
        else:
            yield _row(f"{kind} {name}", GOOD, offer.plugin)


def _packages(recipe: Recipe) -> Iterator[Row]:
    known = metadata(DISTRIBUTION).get_all("Provides-Extra") or ()
    for extra in recipe.needs.extras:
        if extra not in known:
            yield _row(f"extra {extra}", MISSING, f"{DISTRIBUTION} has none of that name")
        for name, bounds in _wanted(extra):
            try:
                found = version(name)
            except PackageNotFoundError:
                yield _row(name, MISSING, f"Run: pip install '{DISTRIBUTION}[{extra}]'")
                continue
            if satisfied(found, bounds):
                yield _row(name, GOOD, f"{found} ({bounds or 'any'})")
            else:
                yield _row(name, MISSING, f"{found} is here; run: pip install '{name}{bounds}'")


def _wanted(extra: str) -> Iterator[tuple[str, str]]:
    for line in requires(DISTRIBUTION) or ():
        found = _WANTED.match(line)
        if found is None or f"extra == '{extra}'" not in line.replace('"', "'"):
            continue
        if found["name"] == DISTRIBUTION:
            inner = re.search(r"\[([\w-]+)\]", line)
            yield from _wanted(inner[1]) if inner else ()
        else:
            yield found["name"], found["bounds"].strip()


def _chat_models(parts: Components) -> Iterator[Row]:
    for kind, name in parts.names():
        if not parts.registry.speaks(kind, name):
            continue
        try:
            parts.calls.chat(SPEAKING[kind], name)
        except HarnessError as error:
            yield _row(f"chat model {name}", MISSING, f"{error} {error.hint}")
        else:
            yield _row(f"chat model {name}", GOOD, f"as {kind}")


def _folders(recipe: Recipe) -> Iterator[Row]:
    """The folder that the policy is opened from, where it names one."""
    folder = recipe.config.policy.partition(":")[2]
    if folder:
        is_there = Path(folder).is_dir()
        said = "is there" if is_there else "put the model's tokenizer and config there"
        yield _row(f"folder {folder}", GOOD if is_there else MISSING, said)


def _servers(recipe: Recipe) -> Iterator[Row]:
    """The servers that options name by ``url``: whether something listens there."""
    for table, options in recipe.config.options.items():
        url = urlsplit(str(options.get("url", "")))
        if not url.hostname:
            continue
        port = url.port or (443 if url.scheme == "https" else 80)
        what = f"server of {table} at {url.hostname}:{port}"
        try:
            with socket.create_connection((url.hostname, port), timeout=2):
                yield _row(what, GOOD, "something listens there")
        except OSError as error:
            yield _row(what, MISSING, f"{error.strerror or error}: start it as below")


def _hardware(recipe: Recipe) -> Iterator[Row]:
    machine = recipe.needs.machine
    yield _row("Python", GOOD, platform.python_version())
    memories = gpu_memories()
    a_node = machine.gpus // machine.nodes
    if not machine.gpus:
        yield _row("GPUs", GOOD, "none needed")
    elif len(memories) < a_node or min(memories) < machine.gpu_gib * 0.95:
        there = ", ".join(f"{gib:.0f} GiB" for gib in memories) or "none"
        wanted = f"{a_node} of {machine.gpu_gib} GB on each of {machine.nodes} nodes"
        yield _row("GPUs", MISSING, f"here: {there}; wanted: {wanted}")
    else:
        yield _row("GPUs", GOOD, f"{len(memories)} here, {a_node} wanted")
    if machine.nodes > 1:
        yield _row("other nodes", UNKNOWN, f"{machine.nodes - 1} more like this one: check there")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB
    yield _enough("main memory", memory, machine.host_gib)
    yield _enough("free disk", shutil.disk_usage(".").free / GIB, machine.disk_gib)


def _fits(recipe: Recipe) -> Iterator[Row]:
    """Whether the memory on paper fits the machine that the recipe names."""
    machine, found = recipe.needs.machine, peak(recipe)
    room = machine.gpu_gib * 1e9 / GIB if machine.gpus else machine.host_gib
    where = "of a GPU" if machine.gpus else "of main memory"
    sums = {"trainer": found["trainer"], "sampler": found["sampler"]}
    if recipe.needs.sampling.shared:
        # In turns: whoever does not work keeps its weights in main memory.
        sums = {"trainer and sampler in turns": max(sums.values())}
    elif not machine.gpus:
        sums = {"trainer and sampler": sum(sums.values())}
    for what, gib in sums.items():
        state = GOOD if gib <= room else MISSING
        yield _row(f"memory of {what}", state, f"{gib:.1f} GiB on paper, {room:.1f} {where}")
    if found["host"]:
        state = GOOD if found["host"] <= machine.host_gib else MISSING
        detail = f"{found['host']:.0f} GiB on paper, {machine.host_gib} wanted"
        yield _row("memory of Adam, off the GPUs", state, detail)


def gpu_memories() -> list[float]:
    """GiB of each GPU here; [] where there is none, or no driver."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    asked = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [float(line) / 1024 for line in said.split("\n") if line.strip().isdigit()]


def _enough(what: str, found: float, wanted: int) -> Row:
    return _row(what, GOOD if found >= wanted else MISSING, f"{found:.0f} GiB, {wanted} wanted")


def _holds(found: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    width = max(len(found), len(bound))
    have, limit = (numbers + (0,) * (width - len(numbers)) for numbers in (found, bound))
    if sign == "~=":
        return have >= limit and found[: len(bound) - 1] == bound[:-1]
    outcomes = {
        ">=": have >= limit,
        "<=": have <= limit,
        "==": have == limit,
        "!=": have != limit,
        "<": have < limit,
        ">": have > limit,
    }
    return outcomes[sign]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("+")[0])[:4])


def _row(check: str, state: str, detail: str) -> dict[str, str]:
    return {"check": check, "state": state, "detail": detail}


def missing(rows: list[Row]) -> list[Json]:
    """What is missing, by name."""
    return [row["check"] for row in rows if row["state"] == MISSING]
