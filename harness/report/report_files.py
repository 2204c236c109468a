"""Write a run's report as a picture and as a page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.report.html import to_html
from harness.report.svg import to_svg
from harness.report.viewer.contents import contents
from harness.run_folder import RunFolder, disk_errors
from harness.types import Json


def write_report_files(
    store: RunFolder, report: Mapping[str, Json], *, svg: Path | None, html: Path | None
) -> None:
    """Write the terminal's picture and the single-file page with all conversations, each if it has
    a path.
    """
    if svg is not None:
        with disk_errors(svg):
            svg.write_text(to_svg(report), encoding="utf-8")
    if html is not None:
        found = contents(store, report)
        page = to_html(report, found.maps, found.pack)
        with disk_errors(html):
            html.write_text(page, encoding="utf-8")
