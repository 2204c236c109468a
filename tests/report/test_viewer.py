"""What a person does with the page of a run, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.evaluation.station import evaluation_tasks
from harness.run_folder import RunFolder
from harness.types import Diagnosis, Episode, Message
from tests.report.browser import Viewer, address_of, chromium

EVALUATION = "policy-validation"
SCRIPT = "<script>document.title = 'attacked'</script><img src=x onerror=alert(1)>"
HOSTILE = f"{SCRIPT} \x1b[31mred\x1b[0m \u202eback [bold]markup[/bold] & </script>"


def harness(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """24 conversations of a weak agent, one with hostile text; their failures read, tasks made."""
    folder = tmp_path_factory.mktemp("viewer") / "run"
    words = ["--policy", "noisy:0.7", "--split", "validation", "--tasks", 12, "--trials", 2]
    harness("eval", "--domain", "retail", *words, "--seed", 3, "--out", folder)
    harness("discover", folder)
    harness("inject", folder, "--count", 6)
    store = RunFolder.open(folder)
    episodes = store.read_episodes(EVALUATION, evaluation_tasks(store, EVALUATION))
    store.write_episodes(EVALUATION, [_attacked(episodes[0]), *episodes[1:]])
    return store


def _attacked(episode: Episode) -> Episode:
    said = Message(role="user", content=HOSTILE)
    trajectory = episode.trajectory
    messages = (*trajectory.messages[:1], said, *trajectory.messages[1:])
    return replace(episode, trajectory=replace(trajectory, id="attacked", messages=messages))


@pytest.fixture(scope="module")
def diagnoses(run: RunFolder) -> list[Diagnosis]:
    return run.read_values("rounds/1/diagnoses.jsonl", Diagnosis)


@pytest.fixture(scope="module")
def page(run: RunFolder) -> Path:
    file = run.folder.parent / "report.html"
    harness("report", run.folder, "--html", file)
    return file


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Any]:
    """Opened after the run is made: while it is open, no event loop can run beside its own."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def viewer(browser: Any, page: Path) -> Iterator[Viewer]:
    """The page; it must neither fail nor ask the network for anything."""
    opened = Viewer(browser, address_of(page))
    yield opened
    assert not opened.errors
    assert opened.requests == [address_of(page)]
    opened.context.close()


def test_the_page_opens_with_the_overview_and_leads_to_every_view(viewer: Viewer) -> None:
    assert viewer.page.locator("#overview h1").is_visible()
    for place, title in ((3, "Error patterns"), (4, "Lineage"), (5, "Task pool")):
        viewer.page.keyboard.press(str(place))
        viewer.page.wait_for_selector(f"#view h2:has-text('{title}')")
        assert not viewer.page.locator("#overview").is_visible()


def test_the_list_holds_every_conversation(viewer: Viewer) -> None:
    viewer.at("view=conversations")
    viewer.wait_for_count(24)


def test_search_finds_what_was_said_in_any_conversation(viewer: Viewer) -> None:
    page = viewer.at("view=conversations")
    page.fill("input[type=search]", "BACK [bold]MARKUP")
    viewer.wait_for_count(1)
    page.fill("input[type=search]", "nobody said this")
    viewer.wait_for_count(0)
    page.fill("input[type=search]", "")
    viewer.wait_for_count(24)


def test_filters_leave_what_they_say_and_count_what_a_choice_leaves(
    viewer: Viewer, diagnoses: list[Diagnosis]
) -> None:
    page = viewer.at("view=conversations")
    kind = diagnoses[-1].kind
    among = sum(one.kind == kind for one in diagnoses)
    option = page.locator(f"[data-filter=mistake] option[value={kind}]")
    assert option.inner_text().endswith(f"({among})")
    page.select_option("[data-filter=mistake]", kind)
    viewer.wait_for_count(among)
    assert f"mistake={kind}" in page.url
    assert page.locator("[data-filter=outcome] option[value=solved]").count() == 0
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    viewer.wait_for_count(24)


def test_the_list_can_be_sorted(viewer: Viewer) -> None:
    page = viewer.at("view=conversations&sort=-turns")
    page.wait_for_selector(".row")
    rows = page.locator(".row .about").all_inner_texts()
    turns = [int(row.split(" turns")[0].split()[-1]) for row in rows]
    assert turns == sorted(turns, reverse=True)


def test_a_link_opens_a_failure_with_its_decisive_turn_in_sight(
    viewer: Viewer, diagnoses: list[Diagnosis]
) -> None:
    one = max(diagnoses, key=lambda found: found.turn)
    page = viewer.at(f"conversation={one.trajectory_id}")
    decisive = page.locator(".message.decisive")
    decisive.wait_for()
    assert decisive.get_attribute("id") == f"turn-{one.turn}"
    assert page.evaluate(
        "() => { const box = document.querySelector('.message.decisive').getBoundingClientRect();"
        " return box.top >= 0 && box.bottom <= innerHeight; }"
    )
    assert one.summary in page.locator(".finding").inner_text()


def test_what_the_evidence_quotes_is_marked_in_the_conversation(
    viewer: Viewer, diagnoses: list[Diagnosis]
) -> None:
    one = next(found for found in diagnoses if "wanted orders/" in found.evidence)
    page = viewer.at(f"conversation={one.trajectory_id}")
    page.locator(".change mark.evidence").first.wait_for()
    path = one.evidence.split("wanted ")[1].split(":")[0]
    marked = page.locator(".changes mark.evidence").all_inner_texts()
    assert path.rpartition("/")[2] in marked


def test_keys_walk_through_the_list_and_back(viewer: Viewer) -> None:
    page = viewer.at("view=conversations")
    for _ in range(3):
        page.keyboard.press("j")
    page.wait_for_selector(".row:nth-child(3)[aria-current]")
    page.keyboard.press("k")
    page.wait_for_selector(".row:nth-child(2)[aria-current]")
    page.keyboard.press("Escape")
    page.wait_for_selector(".browse:not(.chosen)")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.keyboard.type("j?")  # letters, not commands
    assert page.input_value("input[type=search]") == "j?"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    assert page.locator("dialog#help").is_visible()


def test_results_are_folded_until_a_key_opens_them(viewer: Viewer) -> None:
    page = viewer.at("view=conversations")
    page.keyboard.press("j")
    page.wait_for_selector(".message.tool details")
    folds = page.locator(".messages details:not([open])")
    assert folds.count() > 0
    page.keyboard.press("f")
    assert folds.count() == 0


def test_hostile_text_is_shown_as_text(viewer: Viewer) -> None:
    page = viewer.at("conversation=attacked")
    said = page.locator("#turn-1 .said")
    said.wait_for()
    assert said.inner_text() == f"{SCRIPT} red back [bold]markup[/bold] & </script>"
    assert page.locator(".pane img, .pane script").count() == 0
    assert page.title() != "attacked"


def test_nothing_that_a_page_could_run_or_load_is_let_in(viewer: Viewer) -> None:
    page = viewer.page
    rules = page.locator("meta[http-equiv]").get_attribute("content")
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules
    page.evaluate(
        "() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
        " document.body.append(one); }"
    )
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in error for error in viewer.errors)
    viewer.errors.clear()


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_follows_the_colour_scheme(
    browser: Any, page: Path, scheme: str, is_dark: bool
) -> None:
    viewer = Viewer(browser, address_of(page), color_scheme=scheme)
    colour = viewer.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, colour[4:-1].split(","))) < 200) == is_dark
    viewer.context.close()


def test_a_narrow_screen_shows_the_list_or_the_conversation(viewer: Viewer) -> None:
    page = viewer.page
    page.set_viewport_size({"width": 400, "height": 700})
    viewer.at("view=conversations")
    viewer.wait_for_count(24)
    page.locator(".row").first.click()
    page.wait_for_selector(".conversation .message")
    assert not page.locator(".list").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator(".back").click()
    page.wait_for_selector(".list", state="visible")


def test_print_shows_the_conversation_alone_with_all_folds_open(viewer: Viewer) -> None:
    page = viewer.at("view=conversations")
    page.keyboard.press("j")
    page.wait_for_selector(".message.tool details")
    page.emulate_media(media="print")
    assert not page.locator(".side").is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator(".messages details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator(".messages details:not([open])").count() > 0


def test_a_failure_leads_to_its_pattern_and_the_tasks_made_for_it(
    viewer: Viewer, run: RunFolder
) -> None:
    rows = run.read_rows("rounds/1/tasks.jsonl")
    origin: Any = rows[0]["origin"]
    page = viewer.at(f"view=lineage&id={origin['trajectory_id']}")
    page.wait_for_selector(".station")
    assert page.locator(f".station a[href*='view=pool&id={rows[0]['id']}']").count() == 1
    page.locator(f".station a[href*='view=pool&id={rows[0]['id']}']").click()
    page.wait_for_selector(".opened h4:has-text('gates')")
    assert "solvable" in page.locator(".gates").inner_text()
    page.locator(".opened .chip").click()
    page.wait_for_selector(f".conversation :text('{origin['trajectory_id']}')", state="attached")
