"""Tell which settings of a folder or a file only its reader may decide, and remember the decision.

A run folder or a study file may come from somebody else. What it says is followed as far as it
chooses among what is installed here: numbers, true and false, plain words, the plugins of this
distribution. Whatever else it says, such as a chat model (which is paid with the reader's key), the
address of a server, the path or hub id of a model, another file, or the plugin of a third party, is
followed only if the reader said the same, with a command or in the environment, or agreed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import PRESETS, LoopConfig, load_config
from harness.assembly.extras import DISTRIBUTION
from harness.assembly.product_settings import product_names
from harness.assembly.registry import Registry
from harness.errors import NotAgreed, UnknownName
from harness.run_folder import RunFolder
from harness.runtime import files
from harness.runtime.cache_folder import cache_folder, own_file, state_folder
from harness.runtime.counting import is_number
from harness.runtime.inside import can_be_name
from harness.types import Json

FILE = "agreed.jsonl"

HARMLESS_KINDS = frozenset({"domain", "reward term"})
"""What plugins of third parties may be chosen as: they see conversations and no key."""

OPTIONS = "options."
_PATH = re.compile(r"/|\.[A-Za-z]\w*$")
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_WORD = re.compile(r"[\w-]*")
_SHOWN = 200
"""Characters of a value that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Something that a folder or file asks for and only its reader may grant: ``what`` is the
    setting, ``why`` it matters.
    """

    what: str
    value: Json
    why: str

    @property
    def digest(self) -> str:
        """The same for the same wish; where it names a file, there or not, for the same file: a
        relative name in another folder is another one.
        """
        named = [one for text in _texts(self.value) for one in (text, text.partition(":")[2])]
        found = [os.path.realpath(one) for one in named if self._is_file(one)]
        return hashlib.sha256(json.dumps([self.what, self.value, found]).encode()).hexdigest()

    def _is_file(self, text: str) -> bool:
        """Whether the text names a file here. One that is not there may come, or be written; but
        a model called OWNER/NAME is one of a hub.
        """
        if not text or "://" in text or not can_be_name(text):
            return False
        if self.what.startswith(OPTIONS):
            return os.path.lexists(text) or bool(_PATH.search(text))
        return os.path.lexists(text) or ("/" in text and not _HUB_ID.fullmatch(text))

    def __str__(self) -> str:
        value = json.dumps(self.value)
        shown = value if len(value) <= _SHOWN else value[:_SHOWN] + "…"
        return f"{self.what} {shown} ({self.why})"


def wishes(config: LoopConfig, registry: Registry) -> list[Wish]:
    """What in the settings goes beyond a choice among what is installed here, unless it is as in
    the preset or the environment.
    """
    preset = load_config(preset=config.preset if config.preset in PRESETS else None)
    usual = {wish.digest for wish in _wishes(preset, registry)}
    return [wish for wish in _wishes(config, registry) if wish.digest not in usual]


def folder_wishes(store: RunFolder, config: LoopConfig, registry: Registry) -> list[Wish]:
    """The same of a run folder with these settings, and the models outside it that its checkpoints
    name.
    """
    own = (config.policy, config.policy.partition(":")[2])
    outside = [
        Wish(what="model", value=path, why="of a checkpoint, but not in this folder")
        for path in store.models_elsewhere()
        if path not in own and not Path(path).is_relative_to(cache_folder())
    ]
    return [*wishes(config, registry), *outside]


def option_wishes(options: Mapping[str, Mapping[str, Json]]) -> Iterator[Wish]:
    """What the option tables ask for, by plugin, that may name a file, a model or a server."""
    for table, settings in options.items():
        for key, value in settings.items():
            if not _is_harmless(value) and not _is_in_environment(key, value):
                why = "where conversations and keys are sent" if key == "base_url" else _MAY_NAME
                yield Wish(what=f"{OPTIONS}{table}.{key}", value=value, why=why)


def refuse_unagreed(
    asked: Collection[Wish], where: Path, *, trust: bool, given: Collection[object] = ()
) -> None:
    """Raise ``NotAgreed`` for a wish that the user did not grant: with ``trust`` now, earlier on
    this machine, or since the value is one of those ``given`` with this command.
    """
    if not trust:
        known = _agreed()
        left = [w for w in asked if w.digest not in known and w.value not in given]
        if left:
            raise NotAgreed(
                f"{where} asks for what only you can decide: {'; '.join(map(str, left))}",
                hint="If you trust where it comes from, repeat the command with --trust; that is "
                "remembered for this machine.",
            )
    remember(asked)


def refuse_unagreed_options(
    name: str, tables: Mapping[str, Mapping[str, Json]], where: Path, *, trust: bool = False
) -> None:
    """The same for the option table of one plugin in a folder's settings."""
    refuse_unagreed([*option_wishes({name: tables.get(name, {})})], where, trust=trust)


def remember(asked: Collection[Wish]) -> None:
    """Note that the user of this machine said or granted all this. Where that cannot be written
    down, the user is asked again.
    """
    known = _agreed()
    lines = {w.digest: w.what for w in asked if w.digest not in known}
    if lines:
        file = state_folder() / FILE
        text = "".join(json.dumps({"what": w, "sha256": d}) + "\n" for d, w in lines.items())
        with suppress(OSError):
            own_file(file)
            files.append(file, text, sync=False)


_MAY_NAME = "it may name a file, a model or a server"


def _wishes(config: LoopConfig, registry: Registry) -> Iterator[Wish]:
    for kind, name in product_names(config):
        if why := _why_not(kind, name, registry):
            yield Wish(what=kind, value=name, why=why)
    yield from option_wishes(config.options)


def _why_not(kind: str, name: str, registry: Registry) -> str:
    """Why a folder may not choose this product by itself; "": it may."""
    try:
        offer, _ = registry.find(kind, name)
    except UnknownName:  # said where the products are made
        return ""
    base, _, argument = name.partition(":")
    if kind == "chat model" or registry.speaks(kind, name):
        return "a chat model, which is sent conversations and paid with your key"
    if base not in registry.offers[kind]:
        return "a model that is not in this folder"
    if kind not in HARMLESS_KINDS and offer.plugin.partition(":")[0] != DISTRIBUTION:
        return f"code of the plugin {offer.plugin}"
    return "" if _is_harmless(argument) else _MAY_NAME


def _is_harmless(value: Json) -> bool:
    """Whether the value can name no file, no model of a hub and no server."""
    if isinstance(value, str):
        return is_number(value) or bool(_WORD.fullmatch(value) and not Path(value or "-").exists())
    if isinstance(value, list | tuple):
        return all(map(_is_harmless, value))
    if isinstance(value, dict):
        return all(_is_harmless(part) for item in value.items() for part in item)
    return True


def _texts(value: Json) -> Iterator[str]:
    """All texts in the value, at any depth."""
    if isinstance(value, str):
        yield value
    if isinstance(value, dict):
        for item in value.items():
            yield from _texts([*item])
    if isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _is_in_environment(key: str, value: Json) -> bool:
    said = {text for name, text in os.environ.items() if name.endswith("_BASE_URL")}
    return key == "base_url" and value in said


def _agreed() -> set[str]:
    try:
        lines = files.read(state_folder() / FILE).splitlines()
    except OSError:
        return set()
    return {digest for line in lines if (digest := _digest_in(line))}


def _digest_in(line: bytes) -> str:
    """ "" if the line is torn or damaged: the user is asked again about that one."""
    try:
        return str(json.loads(line)["sha256"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
