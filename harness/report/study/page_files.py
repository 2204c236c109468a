"""Write the page of a study with its plots and results beside it."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.report.study.page import page
from harness.report.study.plots import plots
from harness.run_folder import disk_errors
from harness.study.results_file import Results


def write_page(results: Results, file: Path, out: Path, notes: Path | None = None) -> list[Path]:
    """The files of the plots beside the page ``out`` (Markdown), which ends with the ``notes``.

    file: where the results were read from; it is copied beside the page.
    """
    with disk_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        data = out.with_suffix(".json")
        if data.resolve() != file.resolve():
            shutil.copyfile(file, data)
        drawn = plots(results)
        pictures = {name: out.with_name(f"{out.stem}-{name}.svg") for name in drawn}
        for name, path in pictures.items():
            path.write_text(drawn[name] + "\n", encoding="utf-8")
        said = notes.read_text(encoding="utf-8") if notes else ""
        names = {name: path.name for name, path in pictures.items()}
        out.write_text(page(results, data.name, names, said), encoding="utf-8")
    return list(pictures.values())
