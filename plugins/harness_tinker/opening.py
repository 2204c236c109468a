"""Turn settings into a policy on a Tinker server: a base model, or the weights of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.assembly.config import read_options
from harness.errors import ConfigError, ModelError
from harness.protocols import Policy, Settings
from harness.types import Checkpoint, stable_id
from harness_local.codec_folder import open_codec
from harness_tinker.options import ServerOptions
from harness_tinker.policy import PLACE_FILE, TinkerPolicy
from harness_tinker.remote import Place, RemoteModel
from harness_tinker.server import Server

SEEDS = 2**31


def tinker_policy(settings: Settings) -> Policy:
    """The model of a folder with a tokenizer and a codec: the argument, or the checkpoint's."""
    options = read_options(ServerOptions, settings, name="tinker")
    checkpoint = settings.checkpoint
    path = checkpoint.path if checkpoint else settings.argument
    if not path:
        raise ConfigError(
            "the policy 'tinker' needs the folder of its tokenizer",
            hint="Write it as --policy tinker:FOLDER, with tokenizer files as of the base model.",
        )
    tokenizer, codec = open_codec(path)
    place, base = _place(Path(path), options, settings.seed % SEEDS)
    server = Server(options)
    if not place.state:
        server.check_model(place.base_model)
    known = stable_id(place.base_model, place.state, place.rank, server.url)
    return TinkerPolicy(
        model=RemoteModel(server, place),
        base=base,
        tokenizer=tokenizer,
        codec=codec,
        checkpoint=checkpoint or Checkpoint(id=known, policy="tinker", path=path),
    )


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """What it takes to open the policy in another process: ``files`` are those of tokenizer and
    codec by name.
    """

    options: ServerOptions
    place: Place
    checkpoint: Checkpoint
    files: Mapping[str, bytes]


def arrived(luggage: Luggage) -> TinkerPolicy:
    """The same policy, which says the same to the same seeds."""
    with TemporaryDirectory() as folder:
        for file, content in luggage.files.items():
            (Path(folder) / file).write_bytes(content)
        tokenizer, codec = open_codec(folder)
    return TinkerPolicy(
        model=RemoteModel(Server(luggage.options), luggage.place),
        base=Path(luggage.checkpoint.path),
        tokenizer=tokenizer,
        codec=codec,
        checkpoint=luggage.checkpoint,
    )


def _place(folder: Path, options: ServerOptions, seed: int) -> tuple[Place, Path]:
    """Where the weights are on the server, and the folder of the base model here."""
    file = folder / PLACE_FILE
    if not file.is_file():
        name = options.base_model or str(folder)
        return Place(base_model=name, rank=options.rank, seed=seed), folder
    try:
        noted = json.loads(file.read_text())
        base = Path(str(noted["base"]))
        names = {name: str(noted[name]) for name in ("base_model", "state", "sampler")}
        return Place(rank=int(noted["rank"]), seed=int(noted["seed"]), **names), base
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{file} does not say where the weights are: {error!r}",
            hint="It is written with each checkpoint; copy the checkpoint again.",
        ) from error
