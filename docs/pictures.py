"""Take the pictures of ``docs/page.md`` from a run with tokens: views of its page, in Chromium.

python docs/pictures.py RUN            all of them
python docs/pictures.py RUN tokens     some
"""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness.results.every_conversation import Conversation, conversations  # noqa: E402
from harness.run_folder import RunFolder  # noqa: E402
from tests.report.browser import Viewer, chromium  # noqa: E402

SIZE = {"width": 1280, "height": 800}
COLOURS = 255


def main(run: Path, chosen: Sequence[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "report.html")
        words = [sys.executable, "-m", "harness", "report", str(run), "--html", str(file)]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
        views = views_of(list(conversations(RunFolder.open(run))))
        if chosen:
            views = {name: views[name] for name in chosen}
        with chromium() as browser:
            for name, (address, scheme) in views.items():
                viewer = Viewer(
                    browser, f"{file.as_uri()}#{urlencode(address)}", color_scheme=scheme
                )
                viewer.page.set_viewport_size(SIZE)
                viewer.page.wait_for_timeout(600)  # the parts that a view asks for
                take(viewer.page, ROOT / "docs" / f"page-{name}.png")
                viewer.context.close()


def views_of(found: Sequence[Conversation]) -> dict[str, tuple[dict[str, str], str]]:
    """The address of each view, and its colours."""
    read = [one for one in found if one.kind == "validation" and one.findings]
    failure = max(read, key=lambda one: (one.turns < 40, len(one.findings[-1].diagnosis.evidence)))
    pattern = next(one.findings[-1].pattern_id for one in read if one.findings[-1].pattern_id)
    rollout = next(one for one in found if one.kind == "rollout" and one.arm.startswith("rl"))
    filters = {"arm": failure.arm, "split": failure.kind, "outcome": "failed"}
    return {
        "overview": ({"view": "overview"}, "light"),
        "conversation": ({**filters, "conversation": failure.id}, "light"),
        "tokens": ({"conversation": failure.id, "tokens": "1"}, "light"),
        "dark": ({"conversation": read[0].id, "q": "confirm"}, "dark"),
        "patterns": ({"view": "patterns", "id": pattern}, "light"),
        "lineage": ({"view": "lineage", "id": pattern}, "light"),
        "training": ({"view": "training", "arm": rollout.arm, "step": "1"}, "light"),
    }


def take(page: Any, file: Path) -> None:
    """The picture with few colours: small, and still sharp."""
    from PIL import Image

    page.screenshot(path=file)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
