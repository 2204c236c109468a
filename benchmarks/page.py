"""How fast the page of a run is, and how large: 100, 1,000 and 10,000 conversations, in Chromium.

Has a weak scripted agent try generated retail tasks four times each (a single arm, where texts
repeat least), reads its failures, writes the page, and opens it. Writes what it measures as
JSON:

    python benchmarks/page.py --json
    python benchmarks/page.py --sizes 100 1000 --keep runs/page

``open_s``: from asking for the file to the list of conversations on the screen. ``filter_ms``: from
a changed filter to the new list, the slowest of the filters (median of ``--repeats``).
``search_ms``: the same for words, once all conversations are decoded, which the first search does
in ``first_search_s``. ``conversation_ms``: from a link to the open conversation.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from typer.testing import CliRunner

from harness.assembly.components import Components
from harness.assembly.config import load_config
from harness.cli import app
from harness.evaluation.rollout import run_rollouts
from harness.llm.roles import open_registry
from harness.protocols import RolloutJob
from harness.run_folder import RunFolder
from harness.types import Recipe, stable_seed

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.report.browser import Viewer, chromium

TRIALS = 4
FILTERS = ("outcome", "mistake", "blame", "ended", "tag")
WORDS = ("order", "gift card", '"zip code"', "refund paypal", "#w12")

FILTERED = """
async ([name, place]) => {
  const select = document.querySelector(`[data-filter=${name}]`);
  const choice = [...select.options].map((option) => option.value)[place];
  const before = performance.now();
  select.value = choice;
  select.dispatchEvent(new Event("change"));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - before;
}
"""
SEARCHED = """
async (words) => {
  const field = document.querySelector("input[type=search]");
  const before = performance.now();
  field.value = words;
  field.dispatchEvent(new Event("input"));
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  return performance.now() - before;
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="folder for the runs and pages")
    parser.add_argument("--json", action="store_true", help="JSON on one line")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.keep or Path(scratch)
        pages = {size: page(folder, size, asked.seed) for size in asked.sizes}
        rows = [measured(size, file, asked.repeats) for size, file in pages.items()]
    sys.stdout.write(json.dumps(rows, allow_nan=False, indent=None if asked.json else 1) + "\n")


def page(folder: Path, size: int, seed: int) -> Path:
    """The file with the page of so many conversations."""
    run, file = folder / f"run-{size}", folder / f"page-{size}.html"
    if not run.exists():
        evaluate(run, size // TRIALS, seed)
        harness("discover", run)
    harness("report", run, "--html", file)
    return file


def evaluate(run: Path, tasks: int, seed: int) -> None:
    """A run folder with a weak agent's conversations on so many generated tasks."""
    config = load_config(flags={"domain": "retail", "policy": "noisy:0.7", "seed": seed})
    parts = Components(config, open_registry())
    policy = parts.policy()
    generated = {task.id: task for task in islice(parts.domain.generate(seed, Recipe()), tasks)}
    jobs = [
        RolloutJob(task=task, trial=trial, seed=stable_seed(seed, task.id, trial))
        for task in generated.values()
        for trial in range(TRIALS)
    ]
    store = RunFolder.create(run, config.plain(), {"validation": list(generated.values())})
    store.write_episodes(
        "policy-validation", run_rollouts(jobs, policy, parts.setup, parts.executor)
    )


def harness(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exit_code:
        raise SystemExit(done.output or repr(done.exception))


def measured(size: int, file: Path, repeats: int) -> dict[str, float]:
    """What a reader waits for, and the bytes of the file for each conversation."""
    with chromium() as browser:
        address = file.resolve().as_uri()
        Viewer(browser, address)  # the browser's own start is not the page's
        opened = [opening(browser, address) for _ in range(repeats)]
        viewer = Viewer(browser, f"{address}#view=conversations")
        viewer.wait_for_count(size)
        page = viewer.page
        started = time.perf_counter()
        page.evaluate(SEARCHED, "nobody says this")
        page.wait_for_function(
            "() => !document.querySelector('.counted').textContent.includes('reading')",
            timeout=120_000,
        )
        first = time.perf_counter() - started
        found = {words: median(page, SEARCHED, words, repeats) for words in WORDS}
        page.evaluate(SEARCHED, "")
        filters = {name: filtering(page, name, repeats) for name in FILTERS}
        reading = [conversation(viewer, place) for place in range(repeats)]
    return {
        "conversations": size,
        "open_s": round(statistics.median(opened), 3),
        "filter_ms": round(max(filters.values()), 1),
        "search_ms": round(max(found.values()), 1),
        "first_search_s": round(first, 2),
        "conversation_ms": round(statistics.median(reading), 1),
        "bytes_per_conversation": round(file.stat().st_size / size),
    }


def opening(browser: object, address: str) -> float:
    started = time.perf_counter()
    viewer = Viewer(browser, f"{address}#view=conversations")
    viewer.page.wait_for_selector(".row")
    took = time.perf_counter() - started
    viewer.context.close()
    return took


def median(page: object, script: str, words: str, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        page.evaluate(SEARCHED, "")
        times.append(page.evaluate(script, words))
    return statistics.median(times)


def filtering(page: object, name: str, repeats: int) -> float:
    """Milliseconds to the filter's first choice and back."""
    times = [page.evaluate(FILTERED, [name, place]) for _ in range(repeats) for place in (1, 0)]
    return statistics.median(times)


def conversation(viewer: Viewer, place: int) -> float:
    link = viewer.page.locator(".row").nth(2 * place)
    id = link.get_attribute("href").split("conversation=")[1]
    started = time.perf_counter()
    link.click()
    viewer.page.wait_for_selector(f".conversation dd:text-is('{id}')", state="attached")
    return 1000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main()
