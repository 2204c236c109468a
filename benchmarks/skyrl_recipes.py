"""Turn recipes for SkyRL into its own verdict on their configuration; needs no GPU.

    SKYRL_PYTHON benchmarks/skyrl_recipes.py harness/recipes

Run it with the Python of an environment that has skyrl 0.3.0, ray 2.57.0, omegaconf, loguru,
aiohttp, hydra-core, jaxtyping, tensordict, tensorboard and skyrl-gym; this package is not needed.
"""

import json
import re
import sys
import tomllib
from pathlib import Path

from skyrl.train.config.config import SkyRLTrainConfig
from skyrl.train.utils.utils import validate_cfg

for file in sorted(Path(sys.argv[1]).glob("*.toml")):
    recipe = tomllib.loads(file.read_text())
    server = recipe.get("options", {}).get("tinker")
    if server is None:
        continue
    found = [re.search(r"--backend-config '(.*)'", line) for line in recipe["recipe"]["start"]]
    given = next((one[1] for one in found if one), "{}")
    overrides = {
        **json.loads(given),
        "trainer.strategy": server["backend"].removeprefix("skyrl-"),
        "trainer.policy.model.path": server["base_model"],
        "trainer.logger": "console",
    }
    validate_cfg(SkyRLTrainConfig.from_cli_overrides(overrides))
    print(f"{file.stem}: valid")
