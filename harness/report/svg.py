"""The terminal report as an SVG picture, for a README."""

from __future__ import annotations

from io import StringIO

from rich.console import Console
from rich.padding import Padding
from rich.terminal_theme import TerminalTheme

from harness.report.parse import Document
from harness.report.screen import Cleaned
from harness.report.terminal import render

WIDTH = 110
"""Columns of the picture."""

_THEME = TerminalTheme(
    (22, 27, 34),
    (214, 220, 228),
    [
        (48, 54, 61),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (188, 140, 255),
        (86, 182, 194),
        (201, 209, 217),
    ],
)

_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {terminal_width} {terminal_height}" \
xmlns="http://www.w3.org/2000/svg" role="img">
<title>Report of a run</title>
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect fill="#161b22" width="100%" height="100%" rx="10"/>
<g clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def to_svg(document: Document) -> str:
    """An SVG of the report, 110 columns wide; it loads nothing, equal reports give equal bytes."""
    console = Console(
        record=True,
        width=WIDTH,
        file=StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
        _environ={},
    )
    console.print(Cleaned(Padding(render(document), (1, 1))))
    return console.export_svg(theme=_THEME, code_format=_FORMAT, unique_id="errata")
