"""The server of a run's page: who gets an answer, and what changes when the run does."""

from __future__ import annotations

import http.client
import json
import threading
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.errors import RunError
from harness.report.viewer.following import Followed
from harness.report.viewer.server import Server
from harness.run_folder import RunFolder
from harness.types import Episode, Grade, Message, Scenario, Score, Task, Trajectory
from tests.report.browser import Viewer, chromium

TOKEN = "the-token-of-this-test"


def episode(number: int) -> Episode:
    task = Task(
        id=f"t{number}",
        domain="shop",
        split="test",
        scenario=Scenario(reason=f"Wants thing {number}."),
        world={},
    )
    return Episode(
        task=task,
        trajectory=Trajectory(
            id=f"c{number}",
            task_id=task.id,
            trial=0,
            policy="p",
            seed=0,
            messages=(Message(role="assistant", content=f"Here is thing {number}."),),
            ended="user_stop",
        ),
        grade=Grade(success=number % 2 == 0),
        score=Score(success=number % 2 == 0, total=1.0),
    )


@pytest.fixture
def store(tmp_path: Path) -> RunFolder:
    """A run that goes on: five tasks, three conversations so far."""
    tasks = [episode(number).task for number in range(5)]
    made = RunFolder.create(tmp_path / "run", {"domain": "shop"}, {"test": tasks})
    for number in range(3):
        made.append_episode("policy-test", episode(number))
    return made


@pytest.fixture
def server(store: RunFolder) -> Iterator[Server]:
    with Server(Followed(store.folder), token=TOKEN) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.05,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(server: Server, path: str, host: str = "", method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def test_who_knows_the_token_gets_page_manifest_and_parts(server: Server) -> None:
    status, page = ask(server, f"/{TOKEN}/")
    assert (status, page[:15]) == (200, b"<!doctype html>")
    _, manifest = ask(server, f"/{TOKEN}/manifest")
    status, part = ask(server, f"/{TOKEN}/part/{json.loads(manifest)['index']}")
    assert status == 200
    assert json.loads(zlib.decompress(part))["columns"]["id"] == ["c0", "c1", "c2"]


@pytest.mark.parametrize(
    "path",
    ["/", f"/{TOKEN}", f"/{TOKEN[:-1]}/", "/wrong/manifest", "//", f"/{TOKEN}/../config.json"],
)
def test_without_the_token_or_with_an_unknown_name_nothing_is_found(
    server: Server, path: str
) -> None:
    assert ask(server, path) == (404, b"not found\n")


@pytest.mark.parametrize("host", ["attacker.example", "attacker.example:80", "127.0.0.1", "::1"])
def test_a_request_that_names_another_host_is_refused(server: Server, host: str) -> None:
    status, body = ask(server, f"/{TOKEN}/manifest", host=host)
    assert (status, body) == (421, b"unknown host\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(server: Server, method: str) -> None:
    assert ask(server, f"/{TOKEN}/", method=method)[0] == 501


def test_it_listens_on_this_machine_alone_under_a_new_token_each_time(store: RunFolder) -> None:
    followed = Followed(store.folder)
    with Server(followed) as one, Server(followed) as other:
        assert one.server_address[0] == "127.0.0.1"
        assert len(one.token) >= 32
        assert one.token != other.token


def test_a_taken_port_is_said(server: Server) -> None:
    with pytest.raises(RunError, match="cannot listen") as caught:
        Server(server.followed, port=server.server_port)
    assert "--port" in caught.value.hint


def test_a_run_is_read_again_once_it_changed_and_never_written(store: RunFolder) -> None:
    followed = Followed(store.folder, clock=lambda: 0.0)
    before = {path: path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
    first = followed.now()
    assert followed.now() is first
    assert {path: path.read_bytes() for path in before} == before
    store.append_episode("policy-test", episode(3))
    assert followed.now().contents.pack.conversations == 4


def test_a_state_that_cannot_be_read_leaves_the_one_before(store: RunFolder) -> None:
    followed = Followed(store.folder, clock=lambda: 0.0)
    (store.folder / "evals/policy-test/episodes.jsonl").write_text("{}\n")
    for _ in range(3):
        assert followed.now().contents.pack.conversations == 3


def test_the_page_follows_the_run_and_leaves_the_reader_where_he_is(
    store: RunFolder, server: Server
) -> None:
    with chromium() as browser:
        viewer = Viewer(browser, server.address)
        page: Any = viewer.at("view=conversations&conversation=c1")
        page.wait_for_selector(".message:has-text('Here is thing 1.')")
        page.evaluate("document.querySelector('.message').dataset.mine = ''")
        viewer.wait_for_count(3)
        for number in (3, 4):
            store.append_episode("policy-test", episode(number))
        viewer.wait_for_count(5)
        assert page.locator(".row[aria-current]").count() == 1
        assert page.locator(".message[data-mine]").count() == 1  # not even drawn anew
        assert not viewer.errors
        assert all(address.startswith(server.address) for address in viewer.requests)


def test_hostile_text_is_served_as_text(store: RunFolder, server: Server) -> None:
    one = episode(4)
    attack = "<script>document.title = 'attacked'</script>"
    said = replace(one.trajectory, messages=(Message(role="assistant", content=attack),))
    store.append_episode("policy-test", replace(one, trajectory=said))
    with chromium() as browser:
        viewer = Viewer(browser, server.address)
        viewer.at("view=conversations&conversation=c4")
        viewer.wait_for_count(4)
        viewer.page.wait_for_selector(".said")
        assert viewer.page.locator(".said").inner_text() == attack
        assert viewer.page.title() != "attacked"
