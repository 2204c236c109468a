"""Files that contradict themselves, have no number for a reward, are encoded oddly, or hold sound:
read as what they are, or called that.
"""

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.errors import FormatError
from harness.interchange.files import read_source
from harness.interchange.replay import regrade_all
from harness.interchange.tally import doubts, tally
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.types import Episode, Recording, Scenario, Task
from harness_tau2.export import write_results
from harness_tau2.files import read_json, write_json
from harness_tau2.official_tasks import read_tasks, write_task
from harness_tau2.results import looks_like_results, read_results
from harness_tau2.wire import Misfit
from tests.domains.tau2.recorded import as_file, as_folder, messages, results, reward, simulation

Change = Callable[[dict[str, Any]], object]


def read(tmp_path: Path, *simulations: dict[str, Any], **top: Any) -> Recording:
    return read_results(as_file(results(list(simulations), **top), tmp_path / "results.json"))


def one(tmp_path: Path, **info: Any) -> Episode:
    """The only episode of a file, whose reward record has these values."""
    return read(tmp_path, simulation(reward_info=reward(1.0, **info))).episodes[0]


# --- a file that contradicts itself

CANCEL = {"order_id": "#W1", "reason": "no longer needed"}


def check(name: str = "cancel_pending_order", arguments: Any = None) -> dict[str, Any]:
    made = {"action_id": "0_0", "name": name, "arguments": arguments or CANCEL, "info": None}
    return {"action": made, "action_match": True, "action_reward": 1.0}


def asserted(value: bool = True) -> dict[str, Any]:
    assertion = {"env_type": "user", "func_name": "is_on", "arguments": {"line": 1}}
    return {"env_assertion": {**assertion, "assert_value": value}, "met": True, "reward": 1.0}


def said(info: str) -> dict[str, Any]:
    return {"info": info, "met": True, "justification": "..."}


@pytest.mark.parametrize(
    ("info", "words"),
    [
        (
            {"action_checks": [check("return_delivered_order_items")]},
            "return_delivered_order_items",
        ),
        ({"action_checks": [check(arguments={**CANCEL, "order_id": "#W2"})]}, "#W2"),
        ({"action_checks": [check(), check()]}, "no criterion of that task"),
        ({"communicate_checks": [said("15.99"), said("20")]}, "communicate_checks have 20"),
        ({"communicate_checks": [said("16")]}, "communicate_checks have 16"),
        ({"env_assertions": [asserted()]}, "env_assertions have"),
    ],
)
def test_recorded_checks_of_another_task_are_a_contradiction(
    tmp_path: Path, info: Mapping[str, Any], words: str
) -> None:
    episode = one(tmp_path, **info)
    assert words in episode.grade.contradicted
    assert (episode.score.success, episode.uncounted) == (True, ""), "it counts as recorded"


@pytest.mark.parametrize(
    "info",
    [
        {"action_checks": [check()]},
        {"action_checks": [check(arguments=dict(reversed(CANCEL.items())))]},
        {"action_checks": []},
        {"action_checks": None, "communicate_checks": None},
        {"nl_assertions": [{"nl_assertion": "It is polite.", "met": True}]},
    ],
)
def test_checks_that_can_be_of_the_task_are_none(tmp_path: Path, info: Mapping[str, Any]) -> None:
    assert one(tmp_path, **info).grade.contradicted == ""


def test_an_assertion_is_compared_with_its_value(tmp_path: Path) -> None:
    raw = results([simulation(reward_info=reward(1.0, env_assertions=[asserted()]))])
    criteria = raw["tasks"][0]["evaluation_criteria"]
    for value in (True, False):
        criteria["env_assertions"] = [asserted(value)["env_assertion"]]
        [episode] = read_results(as_file(raw, tmp_path / "r.json")).episodes
        assert (episode.grade.contradicted == "") is value


# --- no reward


@pytest.mark.parametrize("value", [math.nan, None, math.inf, -math.inf, 10**400])
def test_a_reward_that_is_no_finite_number_is_no_verdict(tmp_path: Path, value: Any) -> None:
    info = reward(1.0, reward=value, reward_breakdown={"DB": value, "COMMUNICATE": 1.0})
    recording = read(tmp_path, simulation(reward_info=info), simulation("sim-1", trial=1))
    without, whole = recording.episodes
    assert (without.uncounted, whole.uncounted) == ("not_gradeable", "")
    assert without.grade.parts["COMMUNICATE"] is True
    assert without.score.total == 0.0
    write_results(recording, tmp_path / "back.json")
    kept: Any = read_json(tmp_path / "back.json")
    again = kept["simulations"][0]["reward_info"]["reward"]
    assert again == value or (value != value and again != again), "an export loses nothing"


@pytest.mark.parametrize("key", ["agent_cost", "user_cost"])
@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_cost_that_is_no_finite_number_is_not_known(tmp_path: Path, key: str, value: Any) -> None:
    usage = read(tmp_path, simulation(**{key: value})).episodes[0].trajectory.usage
    assert usage[key.removesuffix("_cost")].cost_usd == 0.0


# --- encodings


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32", "utf-32-be"])
def test_a_byte_order_mark_says_how_to_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "r.json"
    text = json.dumps(results([simulation(id="zoë")]), ensure_ascii=False)
    marked = text if encoding in ("utf-8-sig", "utf-16", "utf-32") else f"\ufeff{text}"
    path.write_bytes(marked.encode(encoding))
    assert looks_like_results(path)
    assert read_source(open_registry(), path).format == "tau2"
    assert read_results(path).episodes[0].trajectory.id == "zoë"


HALVES = {
    "an escaped first half": rb"\ud83d!",
    "an escaped second half": rb"\udc00!",
    "two first halves": rb"\ud83d\ud83d!",
    "bytes of a half": b"\xed\xa0\xbd!",
    "a half before an escape": rb"\ud83d\n!",
}


@pytest.mark.parametrize("half", HALVES.values(), ids=HALVES)
def test_half_a_surrogate_pair_is_read_as_no_character(tmp_path: Path, half: bytes) -> None:
    talk = messages()
    talk[1]["content"] = "HALF"
    path = as_file(results([simulation(messages=talk)]), tmp_path / "r.json")
    path.write_bytes(path.read_bytes().replace(b"HALF", half))
    recording = read_results(path)
    content = recording.episodes[0].trajectory.messages[1].content
    assert content.startswith("\ufffd")
    assert content.endswith("!")
    write_results(recording, tmp_path / "back.json")
    assert read_results(tmp_path / "back.json").episodes == recording.episodes


@pytest.mark.parametrize("other", ["another", "", "a\\u0000", "A"])
def test_a_task_under_another_id_than_the_whole_of_it_is_named(other: str) -> None:
    scenario = Scenario(reason="r", persona="p")
    task = Task(id="a", domain="retail", split="test", scenario=scenario, world={})
    raw = write_task(task)
    assert [known.id for known in read_tasks([raw], "retail")] == ["a"]
    with pytest.raises(Misfit, match="but the whole task beside it is 'a'"):
        read_tasks([{**raw, "id": other}], "retail")


def test_a_pair_of_surrogates_is_its_character(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(rb'["\ud83d\ude00", "\ud83d"]')
    assert read_json(path) == ["\U0001f600", "\ufffd"]


def test_half_a_surrogate_of_our_own_is_written_as_no_character(tmp_path: Path) -> None:
    write_json({"\udc00": ["a\ud83d"]}, tmp_path / "r.json")
    assert read_json(tmp_path / "r.json") == {"\ufffd": ["a\ufffd"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"info": "caf\xe9"}', "is not UTF-8: invalid continuation byte at byte 13"),
        (b"\xff\xfe{\x00}", "is not UTF-16-LE"),
        (b'{"info": "\x81"}', "is not UTF-8: invalid start byte"),
        (b"\xef\xbb\xbf  ", "is empty"),
        (b'\xef\xbb\xbf{"a": ', "is cut off"),
        (b'{"a": "\\ud83d"', "is cut off"),
    ],
)
def test_a_file_that_is_no_text_is_called_that(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "r.json").write_bytes(content)
    with pytest.raises(FormatError, match=words):
        read_results(tmp_path / "r.json")


# --- voice


def by_ticks(raw: dict[str, Any]) -> None:
    raw["simulations"][0] |= {"messages": None, "ticks": [{}]}


def by_ticks_beside_an_empty_list(raw: dict[str, Any]) -> None:
    raw["simulations"][0] |= {"messages": [], "ticks": [{}]}


def by_mode(raw: dict[str, Any]) -> None:
    raw["simulations"][0]["mode"] = "full_duplex"


def by_settings(raw: dict[str, Any]) -> None:
    raw["info"]["audio_native_config"] = {"provider": "some"}


@pytest.mark.parametrize("change", [by_ticks, by_ticks_beside_an_empty_list, by_mode, by_settings])
def test_voice_conversations_are_called_that(tmp_path: Path, change: Change) -> None:
    raw = results()
    change(raw)
    with pytest.raises(FormatError, match=r"r\.json is a file of voice conversations"):
        read_results(as_file(raw, tmp_path / "r.json"))
    with pytest.raises(FormatError, match="run is a folder of voice conversations"):
        read_results(as_folder(raw, tmp_path / "run"))


@pytest.mark.parametrize("sound", ["both.wav", "agent.mp3", "user.PCM"])
@pytest.mark.parametrize("with_results", [True, False])
def test_a_folder_with_sound_is_called_that_without_naming_a_format(
    tmp_path: Path, sound: str, with_results: bool
) -> None:
    folder = tmp_path / "run"
    if with_results:
        as_folder(results(), folder)
    inside = folder / "artifacts" / "task_0" / "sim_1" / "audio"
    inside.mkdir(parents=True)
    (inside / sound).write_bytes(b"RIFF")
    with pytest.raises(FormatError, match="is a folder of voice conversations"):
        read_source(open_registry(), folder)


def test_a_folder_of_text_is_no_voice_folder(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("x")
    assert not looks_like_results(tmp_path / "notes")


# --- what is done about contradictions


def test_what_contradicts_itself_gets_no_new_verdict(tmp_path: Path) -> None:
    wrong = reward(1.0, action_checks=[check("other")])
    recording = read(tmp_path, simulation(reward_info=wrong), simulation("sim-1", trial=1))
    domain = open_registry().make("domain", "retail", Settings())
    graded = regrade_all(recording, domain)
    counts = tally(graded)
    assert (counts["contradicted"], counts["not_replayed"]) == ([0], [1])
    assert (counts["kept"], counts["kept_successes"]) == (2, 2)
    [line] = [line for line in doubts(graded) if "contradicts itself" in line]
    assert "1 of 2 conversations" in line
    assert "sim-0 on task '0'" in line
    assert "other" in line
