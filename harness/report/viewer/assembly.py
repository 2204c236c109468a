"""Turn the browser's modules and the parts of a run into one file that loads nothing.

Modules cannot import each other within one file without an address, so they are joined here: each
becomes a function, after those that it imports, which gives back what the module exports. Nothing
is transformed otherwise; what the browser runs is what ``modules/`` holds. The policy of the page
lets this one script and this one style in, by their digests, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from harness.report.markup import Markup, tag
from harness.report.viewer.pack import Pack

START = "app.js"
"""The module that all others are imported by."""

_FOLDER = files("harness.report.viewer")

_IMPORT = re.compile(
    r'^import (?P<names>\{[^}]*\}) from "\./(?P<module>[a-z]+)\.js";$', re.MULTILINE
)
_EXPORT = re.compile(
    r"^export (?P<kind>(?:async )?function|const|class) (?P<name>\w+)", re.MULTILINE
)


@cache
def script() -> str:
    """All modules as one, in the order of their imports."""
    made: dict[str, str] = {}
    _join(START, made)
    return "".join(made.values())


@cache
def style() -> str:
    """The rules of the report's page, then those of the viewer."""
    sheets = (files("harness.report").joinpath("page.css"), _FOLDER.joinpath("viewer.css"))
    return "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)


def policy(*, served: bool = False) -> str:
    """The content security policy of the page; ``served``: it may ask its own server."""
    rules = {
        "default-src": "'none'",
        "script-src": _digest(script()),
        "style-src": _digest(style()),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    if served:
        rules["connect-src"] = "'self'"
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def script_element() -> Markup:
    """The script, which runs once the page is read."""
    return tag("script", Markup(script()), type="module")


def data_elements(pack: Pack) -> Iterator[Markup]:
    """The manifest and the parts, each in base64: the browser takes them for plain data."""
    manifest = Markup(json.dumps(pack.manifest))
    yield tag("script", manifest, type="application/json", id="manifest")
    for name, part in pack.parts.items():
        coded = Markup(base64.b64encode(part).decode())
        yield tag("script", coded, type="application/octet-stream", id=f"part-{name}")


def _join(name: str, made: dict[str, str]) -> None:
    text = _FOLDER.joinpath("modules", name).read_text(encoding="utf-8")
    for found in _IMPORT.finditer(text):
        other = f"{found['module']}.js"
        if other not in made:
            _join(other, made)
    given = ", ".join(found["name"] for found in _EXPORT.finditer(text))
    text = _IMPORT.sub(r"const \g<names> = \g<module>_js;", text)
    inside = _EXPORT.sub(r"\g<kind> \g<name>", text)
    made[name] = (
        f"const {name.replace('.', '_')} = (() => {{\n{inside}\nreturn {{ {given} }};\n}})();\n"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
