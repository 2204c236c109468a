"""Write a new plugin package: a working product of its kind, to be changed into one's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from harness.assembly.config import nearest
from harness.assembly.product_checks import PROTOCOLS
from harness.assembly.registry import KINDS
from harness.errors import ConfigError, RunError
from harness.run_folder import disk_errors

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")

_PROJECT = """\
[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "harness-{dashed}"
version = "0.1.0"
description = "{about}"
requires-python = ">=3.11"
dependencies = ["errata-harness"]

[project.entry-points.harness]
{name} = "harness_{name}"

[tool.hatch.build.targets.wheel]
packages = ["harness_{name}"]
"""

_HOOKS = '''\
"""Offer the {kind} `{name}`."""

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import {protocol}


@hookimpl
def {hook}() -> Mapping[str, Factory[{protocol}]]:
    from harness_{name}.{module} import {name}

    return {{"{name}": {name}}}
'''

_TEST = '''\
"""The {kind} keeps its contract: each finding says what, where, why and how to mend it."""

from harness.llm.roles import open_registry
from harness.testing.kit import Kit


def test_{name}_keeps_its_contract() -> None:
    (verdict,) = Kit(open_registry()).named("{name}", "{kind}")
    told = "\\n\\n".join(map(str, verdict.findings)) or verdict.reason
    assert verdict.state == "passes", told
'''

_README = """\
# harness-{dashed}

A {kind} for errata-harness. Change `harness_{name}/{module}.py` into your own.

    pip install -e .
    harness check {name}
    pytest
"""


def write_package(kind: str, name: str, folder: Path | None = None) -> Path:
    """The folder of the new package (default: harness-NAME here). Raises ``ConfigError`` for an
    unknown kind or a name that cannot be one of a module, ``RunError`` if the folder is there.
    """
    kind = kind.replace("-", " ").replace("_", " ")
    if kind not in KINDS:
        raise ConfigError(
            f"no kind of plugin is called {kind!r} (known: {', '.join(KINDS)})",
            hint=nearest(kind, [*KINDS]) or "`harness hooks` says what each kind is.",
        )
    if not _NAME.fullmatch(name) or name == "sample":
        raise ConfigError(
            f"a plugin cannot be called {name!r}",
            hint="Use small letters, digits and single '_', such as `my_library`.",
        )
    folder = folder or Path(f"harness-{name.replace('_', '-')}")
    if folder.exists():
        raise RunError(f"{folder} is there already", hint="Name another folder with --out.")
    with disk_errors(folder):
        for path, text in _texts(kind, name).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    return folder


def _texts(kind: str, name: str) -> Mapping[str, str]:
    module = kind.replace(" ", "_")
    words = {
        "kind": kind,
        "name": name,
        "dashed": name.replace("_", "-"),
        "module": module,
        "hook": KINDS[kind],
        "protocol": PROTOCOLS[kind].__name__,
    }
    template = files("harness.scaffold.templates").joinpath(f"{module}.py").read_text("utf-8")
    about = template.splitlines()[0].strip('"').rstrip(".")
    return {
        "pyproject.toml": _PROJECT.format(about=about, **words),
        "README.md": _README.format(**words),
        f"harness_{name}/__init__.py": _HOOKS.format(**words),
        f"harness_{name}/py.typed": "",
        f"harness_{name}/{module}.py": _named(template, name),
        f"tests/test_{name}.py": _TEST.format(**words),
    }


def _named(template: str, name: str) -> str:
    title = "".join(part.capitalize() for part in name.split("_"))
    text = template.replace("SAMPLE_", f"{name.upper()}_")
    text = re.sub(r"\bSample(?=World\b|\b)", title, text)
    return re.sub(r"\bsample\b", name, text)
