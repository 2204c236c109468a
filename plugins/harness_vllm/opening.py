"""Turn settings into a policy on vLLM: on a server of the run's own, or on those at addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from transformers import PreTrainedTokenizerBase

from harness.assembly.addresses import checked_address
from harness.assembly.config import read_options
from harness.errors import ConfigError, ModelError, ProviderError
from harness.protocols import Policy, Settings
from harness.types import Checkpoint, stable_id
from harness_local.codec_folder import open_codec
from harness_vllm.broadcast import check_broadcast
from harness_vllm.checks import check_replica
from harness_vllm.fleet import Fleet, shared_fleet
from harness_vllm.options import Dtype, Options, check_arguments
from harness_vllm.policy import VllmPolicy, opened_model
from harness_vllm.probe import Probe, kept_probe, probe_ids, probe_of
from harness_vllm.replica import Lost, Replica
from harness_vllm.sampler import VllmSampler
from harness_vllm.server import OwnServer
from harness_vllm.weights import (
    ADAPTER_FILE,
    Weights,
    config_of,
    is_adapter,
    is_tied,
    named_version,
    untied_copy,
)

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def vllm_policy(settings: Settings) -> Policy:
    """The model of a folder, behind the addresses that the argument and the options name, or else
    behind a server that is started here. Raises ``ConfigError`` and ``ModelError`` unless the
    servers are safe to use and say the truth.
    """
    options = read_options(Options, settings, name="vllm")
    check_arguments(options)
    urls = _urls(settings.argument, options)
    check_broadcast(options, is_own=not urls)
    folder = _folder(settings, options)
    base = _base(folder, options)
    options = replace(options, dtype=_dtype(base, options))
    tokenizer, codec = open_codec(str(folder if _has_tokenizer(folder) else base))
    probe = _probe(folder, tokenizer, options)
    checkpoint = settings.checkpoint or _checkpoint(folder, probe)
    fleet = (
        _addressed(urls, options, tokenizer, probe)
        if urls
        else _own(base, options, tokenizer, probe, settings.folder, is_adapted=is_adapter(folder))
    )
    unties = _unties(fleet.own, base)
    sent = untied_copy(folder, options.staging) if unties and not is_adapter(folder) else None
    weights = Weights(
        folder=Path(sent.name) if sent else folder.resolve(),
        version=named_version(checkpoint.id, 0, probe),
        probe=probe,
        is_adapter=is_adapter(folder),
    )
    sampler = VllmSampler(fleet, weights, ends=codec.ends, temperature=options.temperature)
    policy = VllmPolicy(
        folder=folder,
        tokenizer=tokenizer,
        codec=codec,
        sampler=sampler,
        checkpoint=checkpoint,
        sent=sent,
        unties=unties,
    )
    fleet.bring(weights)
    return policy


@dataclass(frozen=True, kw_only=True)
class Luggage:
    """What it takes to sample from the same servers in another process: ``files`` are those of
    tokenizer and codec by name, ``names`` what each server calls the weights. ``waits``: see
    ``Fleet``.
    """

    options: Options
    urls: tuple[str, ...]
    names: tuple[str, ...]
    weights: Weights
    checkpoint: Checkpoint
    files: Mapping[str, bytes]
    waits: bool


def arrived(luggage: Luggage) -> VllmPolicy:
    """The same policy, which says the same to the same seeds and changes no weights."""
    with TemporaryDirectory() as folder:
        for file, content in luggage.files.items():
            (Path(folder) / file).write_bytes(content)
        tokenizer, codec = open_codec(folder)
    options = luggage.options
    replicas = [Replica(url, options) for url in luggage.urls]
    fleet = Fleet(replicas, options, is_follower=True, waits=luggage.waits)
    for replica, name in zip(replicas, luggage.names, strict=True):
        try:
            fleet.wait_for(replica, luggage.weights)
        except Lost as error:
            raise _unreached(replica, error) from error
        replica.answers_to = name
    return VllmPolicy(
        folder=luggage.weights.folder,
        tokenizer=tokenizer,
        codec=codec,
        sampler=VllmSampler(
            fleet, luggage.weights, ends=codec.ends, temperature=options.temperature
        ),
        checkpoint=luggage.checkpoint,
    )


def _folder(settings: Settings, options: Options) -> Path:
    """Where the weights are."""
    if settings.checkpoint is not None:
        return Path(settings.checkpoint.path)
    named = options.model if _is_address(settings.argument) else settings.argument
    if not named:
        raise ConfigError(
            "the policy 'vllm' needs the folder of its model",
            hint="Write it as --policy vllm:FOLDER; with --policy vllm:http://HOST:PORT set "
            "model = FOLDER in [options.vllm].",
        )
    if not Path(named).is_dir():
        raise ModelError(
            f"there is no model folder {named!r}",
            hint="Name a folder in Hugging Face format; `harness` downloads nothing for vLLM.",
        )
    return Path(named)


def _base(folder: Path, options: Options) -> Path:
    """The folder of the model that is served: the same, unless it is an adapter."""
    if not is_adapter(folder):
        config_of(folder)
        return folder
    noted = json.loads((folder / ADAPTER_FILE).read_text())
    base = Path(options.model or str(noted.get("base_model_name_or_path") or ""))
    if not (base / "config.json").is_file():
        raise ModelError(
            f"{folder} is an adapter, and the folder of its model, {str(base)!r}, is not here",
            hint="Set model in [options.vllm] to the folder of the model that it adapts.",
        )
    return base


def _dtype(base: Path, options: Options) -> Dtype:
    """What the folder says; vLLM itself would round a model in float32."""
    config = config_of(base)
    said = config.get("dtype") or config.get("torch_dtype")
    if options.dtype != "auto":
        return options.dtype
    known: tuple[Dtype, ...] = ("bfloat16", "float16")
    return next((one for one in known if one == said), "float32")


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in _TOKENIZERS)


def _probe(folder: Path, tokenizer: PreTrainedTokenizerBase, options: Options) -> Probe:
    """What a server with the folder's weights must say."""
    rounded = options.dtype != "float32"
    if (kept := kept_probe(folder, is_rounded=rounded)) is not None:
        return kept
    if is_adapter(folder):
        raise ModelError(
            f"{folder} is an adapter without a probe.json, by which a server could be believed to "
            "have loaded it",
            hint="Save it with the policy that trained it, or name a folder with merged weights.",
        )
    return probe_of(opened_model(folder), probe_ids(tokenizer), is_rounded=rounded)


def _checkpoint(folder: Path, probe: Probe) -> Checkpoint:
    """Known by what the weights say: the same for equal weights, wherever they are."""
    known = stable_id(list(probe.ids), [round(value, 3) for value in probe.logprobs])
    return Checkpoint(id=known, policy="vllm", path=str(folder))


def _urls(argument: str, options: Options) -> list[str]:
    named = [*([argument] if _is_address(argument) else []), *options.urls]
    return list(dict.fromkeys(map(checked_address, named)))


def _addressed(
    urls: Sequence[str], options: Options, tokenizer: PreTrainedTokenizerBase, probe: Probe
) -> Fleet:
    def make() -> Fleet:
        replicas = [Replica(url, options) for url in urls]
        for replica in replicas:
            _checked(replica, tokenizer, probe)
        return Fleet(replicas, options)

    return shared_fleet(stable_id(list(urls), repr(options), _name(tokenizer)), make)


def _own(
    base: Path,
    options: Options,
    tokenizer: PreTrainedTokenizerBase,
    probe: Probe,
    folder: Path | None,
    *,
    is_adapted: bool,
) -> Fleet:
    """One server for all models of the same shape: their weights are loaded into it."""

    def make() -> Fleet:
        place = folder or Path(mkdtemp(prefix="harness-vllm-"))
        place.mkdir(parents=True, exist_ok=True)
        own = OwnServer(options, place / "vllm.log")
        copied = untied_copy(base, options.staging) if _unties(own, base) else None
        served = Path(copied.name) if copied else base.resolve()
        own.start(served, is_adapted=is_adapted)
        replica = Replica(own.url, options)
        _checked(replica, tokenizer, probe)
        return Fleet([replica], options, own=own, base=served, copied=copied)

    shape = {name: value for name, value in config_of(base).items() if name[0] != "_"}
    known = stable_id(json.dumps(shape, sort_keys=True), repr(options), _name(tokenizer))
    return shared_fleet(f"own {known} {is_adapted}", make)


def _unties(own: OwnServer | None, base: Path) -> bool:
    return own is not None and own.is_on_cpu and is_tied(base)


def _name(tokenizer: PreTrainedTokenizerBase) -> str:
    return stable_id(sorted(tokenizer.get_vocab().items()))


def _checked(replica: Replica, tokenizer: PreTrainedTokenizerBase, probe: Probe) -> None:
    try:
        check_replica(replica, tokenizer, probe.ids)
    except Lost as error:
        raise _unreached(replica, error) from error


def _unreached(replica: Replica, error: Lost) -> ProviderError:
    return ProviderError(
        f"no vLLM server answers: {error}",
        hint=f"Is it running at {replica.url}, and reached from here? One that a run starts is "
        "reached from its own machine only.",
    )


def _is_address(argument: str) -> bool:
    """Whether a server is named, and not a folder."""
    return argument.startswith(("http://", "https://"))
