"""Draw docs/architecture.svg: the rooms of ``harness`` in their layers, and who imports whom.

``make picture-architecture`` runs it. Layers and imports are those that tests/test_architecture.py
holds. An arrow is an import; those that follow from other arrows are left out.
"""

from __future__ import annotations

import ast
import sys
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from test_architecture import ORDER, PACKAGES, core_imports, room  # noqa: E402

from harness.assembly.registry import KINDS  # noqa: E402

PLACES = {
    "cli": (2, "face", "harness COMMAND"),
    "testing": (0, "face", "checks for plugin authors"),
    "report": (2, "face", "terminal, page, live view"),
    "study": (2, "face", "arms x seeds, intervals"),
    "scaffold": (0, "face", "new plugin packages"),
    "planning": (5, "face", "what a recipe takes"),
    "loop": (2, "station", "the method, top to bottom"),
    "results": (2, "station", "report document, lineage"),
    "training": (2, "station", "pool -> new policy"),
    "discovery": (1, "station", "failures -> patterns"),
    "injection": (2, "station", "patterns -> tasks"),
    "interchange": (3, "station", "files of other tools"),
    "elsewhere": (4, "ground", "work for other processes"),
    "evaluation": (2, "station", "tasks -> scored rollouts"),
    "llm": (4, "station", "roles of chat models"),
    "assembly": (3, "ground", "names -> products"),
    "hookspecs": (3, "ground", f"{len(KINDS)} extension points"),
    "protocols": (3, "ground", "one contract per kind"),
    "run_folder": (1, "ground", "what is on disk"),
    "errors": (1, "ground", "what a user is told"),
    "types": (3, "ground", "the values"),
    "runtime": (2, "ground", "event loop, processes"),
}
"""Column, colour and caption of each room; its row is its layer."""

OUT_AT_THE_SIDE, IN_AT_THE_SIDE = {"results"}, {"testing"}

COLOURS = {
    "face": ("#eef2fb", "#5b7bb5"),
    "station": ("#e9f6ee", "#3d8b62"),
    "ground": ("#f4f1ea", "#8f7d55"),
}
MEANINGS = {"face": "faces", "station": "method", "ground": "contracts, values, assembly"}

WIDTH, HEIGHT, BOX, TALL, COLUMN, ROW, LEFT, TOP = 1250, 1010, 148, 46, 168, 72, 20, 70
PANEL = 880
ROWS = {name: row for row, layer in enumerate(reversed(ORDER[:-1])) for name in layer}

assert set(ROWS) == set(PLACES), "a place for each room"

Edges = set[tuple[str, str]]


def picture() -> str:
    """The SVG, as text."""
    drawn = edges()
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="Helvetica, Arial, sans-serif" role="img">',
        "<title>The rooms of harness, and who imports whom</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#666"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        text(LEFT, 26, "The rooms of harness", 15, bold=True),
        text(LEFT, 44, "An arrow is an import. What follows from other arrows is left out.", 12),
        *legend(),
        *(path(route(above, below)) for above, below in sorted(drawn)),
        *(line for name in sorted(PLACES) for line in box(name)),
        *panel(),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def edges() -> Edges:
    """Which room imports which, without what follows from others."""
    found = {
        (room(module), room(other))
        for module, others in core_imports().items()
        for other in others
        if room(module) != room(other) and {room(module), room(other)} <= set(PLACES)
    }
    return {(a, b) for a, b in found if not any(reaches(found, c, b) for x, c in found if x == a)}


def reaches(found: Edges, start: str, end: str) -> bool:
    return any(b == end or reaches(found, b, end) for a, b in found if a == start)


def corner(name: str) -> tuple[int, int]:
    return LEFT + PLACES[name][0] * COLUMN, TOP + ROWS[name] * ROW


def route(above: str, below: str) -> str:
    """A straight line; for some out at the side and down, or down and in at the side."""
    (x, y), (to_x, to_y) = corner(above), corner(below)
    middle, to_middle = x + BOX // 2, to_x + BOX // 2
    right = (to_x > x) - (to_x < x)
    if above in OUT_AT_THE_SIDE and right:
        return f"M{x + BOX if right > 0 else x} {y + TALL // 2} H{to_middle} V{to_y}"
    if above in IN_AT_THE_SIDE:
        return f"M{middle} {y + TALL} V{to_y + TALL // 2} H{to_x}"
    return f"M{middle + right * BOX // 4} {y + TALL} L{to_middle - right * BOX // 4} {to_y}"


def box(name: str) -> list[str]:
    x, y = corner(name)
    _, colour, caption = PLACES[name]
    fill, line = COLOURS[colour]
    return [
        f'<rect x="{x}" y="{y}" width="{BOX}" height="{TALL}" rx="6" fill="{fill}" '
        f'stroke="{line}" stroke-width="1.4"/>',
        text(x + BOX // 2, y + 19, name, 14, bold=True, anchor="middle"),
        text(x + BOX // 2, y + 36, caption, 11, anchor="middle", colour="#444"),
    ]


def legend() -> list[str]:
    lines = []
    for at, (name, meaning) in enumerate(MEANINGS.items()):
        fill, line = COLOURS[name]
        x = 220 + at * 90
        lines += [
            f'<rect x="{x}" y="15" width="12" height="12" rx="2" fill="{fill}" stroke="{line}"/>',
            text(x + 18, 26, meaning, 12),
        ]
    return lines


def panel() -> list[str]:
    """Plugins and domains beside the core: by what they offer."""
    top, tall = TOP + 6 * ROW, 20 * (len(PACKAGES) + 1) + 110
    _, hooks = corner("hookspecs")
    x, assembly = corner("assembly")
    lines = [
        f'<rect x="{PANEL}" y="{top}" width="{WIDTH - PANEL - 20}" height="{tall}" rx="6" '
        'fill="#fdfbf4" stroke="#999" stroke-dasharray="5 4"/>',
        path(f"M{PANEL} {hooks + TALL // 2} H{x + BOX}"),
        text(PANEL - 70, hooks + TALL // 2 - 6, "import", 12, anchor="middle"),
        path(f"M{x + BOX} {assembly + TALL // 2} H{PANEL}", dashed=True),
        text(PANEL - 8, assembly + TALL // 2 - 6, "finds by entry point", 12, anchor="end"),
    ]
    y = top + 24
    for title, folder in (("plugins/", "plugins"), ("domains/", "domains")):
        lines.append(text(PANEL + 14, y, title, 14, bold=True))
        for package in (found for found in PACKAGES if found.parent.name == folder):
            y += 20
            lines.append(text(PANEL + 14, y, package.name, 12))
            lines.append(text(PANEL + 136, y, ", ".join(offers(package)), 11, colour="#555"))
        y += 34
    lines.append(text(PANEL + 14, y, "yours", 14, bold=True))
    lines.append(text(PANEL + 136, y, f"any of {len(KINDS)} kinds, found the same way", 11))
    return lines


def offers(package: Path) -> list[str]:
    """The kinds that a package offers, from the hooks in its ``__init__.py``."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    hooks = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return [kind for kind, hook in KINDS.items() if hook in hooks] or ["shared by others"]


def text(
    x: int,
    y: int,
    words: str,
    size: int,
    *,
    bold: bool = False,
    anchor: str = "start",
    colour: str = "#111",
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}"{weight} text-anchor="{anchor}" '
        f'fill="{colour}">{escape(words)}</text>'
    )


def path(way: str, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return f'<path d="{way}" fill="none" stroke="#666"{dash} marker-end="url(#tip)"/>'


if __name__ == "__main__":
    (ROOT / "docs" / "architecture.svg").write_text(picture(), encoding="utf-8")
