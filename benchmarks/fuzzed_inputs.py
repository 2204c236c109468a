"""Change valid inputs of strangers at random, and hand them in where they come in: each is read, or
refused by the errors that its door may raise, and what was read can be written and shown.
"""

from __future__ import annotations

import contextlib
import copy
import json
import math
import random
import shutil
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

from damaged_folders import ACTING, BITS, ODD, places

import harness_claude.answer
import harness_gemini.answer
import harness_openai.answer
from harness.assembly.config import load_config, parse_config, read_toml
from harness.errors import ChatFailure, HarnessError, PluginFailed
from harness.interchange.files import read_source
from harness.llm import structured
from harness.llm.cache import _usable
from harness.llm.judge import DECISIONS, VERDICT
from harness.llm.roles import open_registry
from harness.protocols import Settings
from harness.protocols.chat_model import ChatReply
from harness.report.markdown import code, plain, table
from harness.report.markup import tag
from harness.run_folder import RunFolder
from harness.run_folder.marks import Mark
from harness.run_folder.rows import EpisodeRow, Outline
from harness.run_folder.together import JOURNAL, settle
from harness.runtime.foreign_text import clean, json_text, visible
from harness.runtime.json_lines import adapter
from harness.study.results_file import parse_results
from harness.study.spec import parse_study
from harness.types import Checkpoint, Diagnosis, ErrorPattern, Message, Task, ToolCall
from harness.types.names import ArmName, EvaluationName, StationName

Draw = random.Random

ROWS: Sequence[tuple[str, type]] = (
    ("evals/sft-validation/episodes.jsonl", EpisodeRow),
    ("evals/sft-validation/episodes.jsonl", Outline),
    ("tasks/validation.jsonl", Task),
    ("rounds/1/diagnoses.jsonl", Diagnosis),
    ("rounds/1/patterns.jsonl", ErrorPattern),
    ("rounds/1/tasks.jsonl", Task),
    ("checkpoints/sft/checkpoint.json", Checkpoint),
    ("done/discover-1.json", Mark),
)
"""Files of a run folder, each with what a line of it, or the whole, is read as."""

CALL = {"name": "get_order_details", "arguments": '{"order_id": "#W2611340", "items": [1, 2.5]}'}
ANSWERS: Mapping[str, Any] = {
    "openai": {
        "choices": [{
            "message": {
                "content": [{"type": "text", "text": "One moment."}],
                "reasoning_content": "Two orders.",
                "tool_calls": [{"id": "1", "type": "function", "function": CALL}],
            },
            "finish_reason": "tool_calls",
        }],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4,
                  "prompt_tokens_details": {"cached_tokens": 3}},
    },
    "claude": {
        "content": [
            {"type": "thinking", "thinking": "Two orders.", "signature": "c2lnbmVk"},
            {"type": "text", "text": "One moment."},
            {"type": "tool_use", "id": "1", "name": "get_order_details", "input": {"a": [1]}},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 3},
    },
    "gemini": {
        "candidates": [{
            "content": {"role": "model", "parts": [
                {"text": "Hm.", "thought": True},
                {"functionCall": {"name": "get_order_details", "args": {"a": [1]}},
                 "thoughtSignature": "c2lnbmVk"},
            ]},
            "finishReason": "STOP",
        }],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4},
    },
}  # fmt: skip
READERS: Mapping[str, Callable[[Any], ChatReply]] = {
    "openai": harness_openai.answer.read,
    "claude": harness_claude.answer.read,
    "gemini": harness_gemini.answer.read,
}
FORMS: Mapping[Any, Any] = {
    VERDICT: {"blame": "agent", "turn": 3, "kind": "wrong_tool", "tool": "x", "summary": "So.",
              "evidence": ["a", "b"], "severity": "high"},
    DECISIONS: {"decisions": [{"number": 1, "reason": "So.", "holds": True}]},
}  # fmt: skip
STUDY: Mapping[str, Any] = {
    "title": "T", "seeds": [0], "settings": {"preset": "quick"},
    "arms": {"sft": {}, "rl": {"trains": "targeted"}},
    "comparisons": [{"arm": "rl", "against": "sft"}],
}  # fmt: skip


@dataclass(slots=True)
class Tried:
    """Inputs, and those that their door did not take as it should; some of these in words."""

    tries: int = 0
    failures: int = 0
    examples: list[str] = field(default_factory=list)


class Fuzz:
    """The doors, with valid inputs from the folder of a run, a study and a recording."""

    def __init__(self, template: Path, recording: Path, folder: Path) -> None:
        self._registry = open_registry()
        self._store = RunFolder(template / "run")
        self._folder = folder / "fuzzed"
        self._folder.mkdir(exist_ok=True)
        self._domain = self._registry.make("domain", "retail", Settings())
        self._tasks = self._domain.tasks("validation")[:5]
        self._lines = {name: _lines(self._store.folder / name) for name, _ in ROWS}
        self._config = json.loads((self._store.folder / "config.json").read_text())
        self._toml = (template / "loop.toml").read_text()
        self._results = json.loads((template / "study/results.json").read_text())
        self._results["rows"] = self._results["rows"][:1]
        self._recording = json.loads(recording.read_text())
        self._recording["simulations"] = self._recording["simulations"][:1]

    def tried(self, door: str, count: int, seed: int) -> Tried:
        """So many inputs at one of ``DOORS``."""
        found, enter = Tried(), getattr(self, f"_{door}")
        for number in range(count):
            found.tries += 1
            try:
                enter(random.Random(f"{door}/{seed}/{number}"))
            except BaseException as error:
                found.failures += 1
                what = f"{door} (seed {seed}, {number}): {type(error).__name__}: {error}"
                found.examples = [*found.examples, what[:300]][:5]
        return found

    # --- doors, each for one input ----------------------------------------------------------------

    def _openai(self, draw: Draw) -> None:
        self._answer("openai", SimpleNamespace(content=_text(ANSWERS["openai"], draw)))

    def _claude(self, draw: Draw) -> None:
        self._answer("claude", SimpleNamespace(content=_text(ANSWERS["claude"], draw)))

    def _gemini(self, draw: Draw) -> None:
        body = _text(ANSWERS["gemini"], draw).decode(errors="surrogateescape")
        self._answer("gemini", SimpleNamespace(sdk_http_response=SimpleNamespace(body=body)))

    def _answer(self, provider: str, response: Any) -> None:
        try:
            reply = READERS[provider](response)
        except (ChatFailure, ValueError):
            return
        kept = adapter(ChatReply).dump_json(reply)
        assert _usable(kept) in (reply, None), "the answer is not as it was kept"
        json.dumps([dict(call.arguments) for call in reply.message.calls], allow_nan=False)

    def _cached(self, draw: Draw) -> None:
        call = {"id": "1", "name": "a", "arguments": {"b": [1]}}
        message = {"role": "assistant", "content": "So.", "calls": [call], "opaque": None}
        _usable(_text({"message": message, "usage": {}, "stop_reason": "end"}, draw))

    def _forms(self, draw: Draw) -> None:
        form = draw.choice([*FORMS])
        value = _changed(FORMS[form], draw)
        if draw.random() < 0.5 and isinstance(value, dict):
            call = ToolCall(id="1", name=form.name, arguments=value)
            message = Message(role="assistant", content="", calls=(call,))
        else:
            said = _text(value, draw).decode(errors="surrogateescape")
            message = Message(role="assistant", content=f"Here: {said}")
        found, complaints = structured._read(form, message, structured._nothing_wrong)
        assert (found is None) == bool(complaints), "refused without a word, or taken with some"

    def _rows(self, draw: Draw) -> None:
        name, shape = draw.choice(ROWS)
        value = json.loads(draw.choice(self._lines[name]))
        with _refused():
            found = self._store.parsed(shape, name, _decoded(_text(value, draw)))
            adapter(shape).dump_python(found, mode="json")

    def _settings(self, draw: Draw) -> None:
        with _refused():
            if draw.random() < 0.5:
                parse_config(_table(_changed(self._config, draw)))
            else:
                file = self._folder / "settings.toml"
                file.write_bytes(_spoilt(self._toml.encode(), draw))
                load_config(file=file)

    def _studies(self, draw: Draw) -> None:
        with _refused():
            if draw.random() < 0.7:
                parse_study(_table(_changed(STUDY, draw)), "study.toml")
            else:
                file = self._folder / "study.toml"
                file.write_bytes(_spoilt(b'title = "T"\nseeds = [0]\n[arms.a]\nx = 1\n', draw))
                parse_study(read_toml(file), "study.toml")

    def _results_of_others(self, draw: Draw) -> None:
        with _refused():
            parse_results(_decoded(_text(self._results, draw)), "results.json")

    def _recordings(self, draw: Draw) -> None:
        file = self._folder / "recording.json"
        file.write_bytes(_text(self._recording, draw))
        with _refused():
            read_source(self._registry, file, format="tau2")

    def _calls(self, draw: Draw) -> None:
        tool = draw.choice(self._domain.tools)
        names = [*tool.parameters.get("properties", {}), "x"]  # type: ignore[misc]
        arguments = {name: draw.choice(_HELD) for name in names if draw.random() < 0.8}
        name = tool.name if draw.random() < 0.9 else draw.choice(BITS)
        world = self._domain.open(draw.choice(self._tasks))
        result = world.call(ToolCall(id="1", name=name, arguments=arguments))
        assert isinstance(result.content, str)

    def _journals(self, draw: Draw) -> None:
        folder, outside = self._folder / "run", self._folder / "outside"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "pending").mkdir(parents=True)
        (folder / "pending/0").write_text("new")
        outside.write_text("kept")
        names = ["a.json", "../outside", str(outside), "b/../../outside", "pending/0", "", "\0"]
        places_of = ["0", None, "../0", "../../outside", "", 3, [], "\0"]
        listed = {draw.choice(names): draw.choice(places_of) for _ in range(3)}
        (folder / JOURNAL).write_bytes(_text(listed, draw))
        with contextlib.suppress(OSError, ValueError, RecursionError):
            settle(folder)
        assert outside.read_text() == "kept", "a journal reached outside"

    def _names(self, draw: Draw) -> None:
        words = ["rl", "generic", "sft", "-", "/", "warm", "step-", "train ", "discover ", " on ",
                 "evaluate ", "test", "validation", "1", "²", "9" * 5000, "\x00", ""]  # fmt: skip
        text = "".join(draw.choices(words, k=draw.randrange(6)))
        arm, evaluation, station = ArmName(text), EvaluationName(text), StationName(text)
        assert isinstance(arm.kind, str)
        assert arm.round >= 0 <= arm.step
        assert evaluation.on_split in (None, "train", "validation", "test")
        assert station.round >= 0
        assert isinstance(station.kind, str)

    def _texts(self, draw: Draw) -> None:
        text = "".join(draw.choices(BITS, k=draw.randrange(1, 12)))
        for shown in (visible(text), clean(text), json_text([text]), plain(text), code(text)):
            assert not _offences(shown), f"{shown!r} has characters that act"
        assert json.loads(json_text([text])) == [text]
        marked = tag("p", text, title=text, href=text)
        assert not _offences(marked)
        [element] = [ElementTree.fromstring(marked)]
        assert len(element) == 0, "text became an element"
        row = table(["a"], [[plain(text)]])
        assert len(row.splitlines()) == 3, "text became a row"
        assert "<script" not in row


DOORS = tuple(
    name.removeprefix("_")
    for name, value in vars(Fuzz).items()
    if name.startswith("_") and not name.startswith("__") and name != "_answer" and callable(value)
)
"""Where inputs of strangers come in."""

_HELD = [odd for odd in ODD if not isinstance(odd, float) or math.isfinite(odd)]
"""Values that arguments of a call can have: answers are cleaned of others before."""


class _refused:
    """Lets pass what a reader is told in words, with a hint; not what a plugin broke by."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, HarnessError) or isinstance(error, PluginFailed):
            return False
        assert error.hint, f"no hint: {error}"
        return True


def _changed(value: Any, draw: Draw) -> Any:
    """A copy with up to three values replaced, removed, wrapped or repeated."""
    whole = copy.deepcopy(value)
    for _ in range(draw.randrange(1, 4)):
        found = places(whole)
        if not found or draw.random() < 0.02:
            return copy.deepcopy(draw.choice(ODD))
        holder, key = draw.choice(found)
        old = holder[key]
        match draw.randrange(6):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [old]
            case 2:
                holder[key] = {"a": old}
            case 3 if isinstance(old, str):
                holder[key] = "".join(draw.choices(BITS, k=4)) + old
            case 4 if isinstance(old, list):
                holder[key] = old * 3
            case _:
                holder[key] = copy.deepcopy(draw.choice(ODD))
    return whole


def _text(value: Any, draw: Draw) -> bytes:
    """The value as JSON, changed as a value and now and then as bytes."""
    data = json.dumps(_changed(value, draw)).encode()
    return _spoilt(data, draw) if draw.random() < 0.2 else data


def _spoilt(text: bytes, draw: Draw) -> bytes:
    place = draw.randrange(len(text) + 1)
    match draw.randrange(6):
        case 0:
            return text[:place]
        case 1:
            return text[:place] + bytes([draw.randrange(256)]) + text[place + 1 :]
        case 2:
            return text[:place] + draw.choice(BITS).encode(errors="surrogatepass") + text[place:]
        case 3:
            return text[:place] + b"[" * draw.choice([70, 900, 5000]) + text[place:]
        case 4:
            return text + text
        case _:
            return b"\xef\xbb\xbf" + text


def _decoded(text: bytes) -> str:
    """As the files of a folder are read: what is no UTF-8 is refused before."""
    return text.decode(errors="replace")


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {"a": value}


def _lines(path: Path) -> list[str]:
    text = path.read_text()
    return text.splitlines() if path.suffix == ".jsonl" else [text]


def _offences(text: str) -> list[str]:
    return [c for c in text if c not in "\n\t" and unicodedata.category(c) in ACTING]
