"""`harness rewards` and `probe`."""

from collections.abc import Callable
from typing import Any

from harness.assembly.config import load_config
from harness.llm.roles import open_registry

Cli = Callable[..., Any]


def test_every_term_is_listed_with_weight_range_and_reason(cli: Cli) -> None:
    outcome = cli("rewards", "--json", "--reward", "told_facts=0.3")
    rows = {row["name"]: row for row in outcome.json}
    assert sorted(rows) == open_registry().names("reward term")
    weights = {**load_config().rewards, "told_facts": 0.3}
    for name, row in rows.items():
        assert row["weight"] == weights.get(name, 0.0)
        assert -1 <= row["low"] < row["high"] <= 1
        assert row["value"]
        assert row["stops"].startswith("Stops ")
    weighted = [bool(row["weight"]) for row in outcome.json]
    assert weighted == sorted(weighted, reverse=True)


def test_the_list_of_terms_can_be_read(cli: Cli) -> None:
    out = cli("rewards").out
    assert "repeated_calls" in out
    assert "[-1, 0]" in out
    assert "off" in out


FEW = ("probe", "--domain", "retail", "--tasks", 40, "--option", "fork.processes=1")


def test_probes_are_rows_with_what_caught_them(cli: Cli) -> None:
    outcome = cli(*FEW, "--json")
    assert outcome.status == 0
    assert [row["probe"] for row in outcome.json["rows"]] == open_registry().names("probe")
    for row in outcome.json["rows"]:
        assert row["reward"] < row["baseline_reward"]
        assert row["caught_by"] in outcome.json["weights"]
    assert outcome.json["baseline"] == load_config().baseline_policy


def test_a_probe_that_pays_ends_with_status_1(cli: Cli) -> None:
    outcome = cli(*FEW, "--reward", "format=0", "--matrix")
    assert outcome.status == 1
    assert "not caught: fake_stop" in outcome.out
    assert "nothing!" in outcome.out
    assert "without" in outcome.out


def test_a_run_is_ablated_without_training(cli: Cli) -> None:
    cli("eval", "--domain", "retail", "--policy", "noisy:0.5", "--tasks", 10, "--trials", 4,
        "--out", "run")  # fmt: skip
    found = cli("ablate", "run", "--json").json
    names = [row["name"] for row in found["rows"]]
    terms = list(load_config().rewards)
    assert names == [f"{how} {name}" for how in ("without", "only") for name in terms]
    assert found["rollouts"] == 40
    without = {row["name"]: row for row in found["rows"]}["without format"]
    assert without["moved"][0] == 0
    assert without["agreement"][0] == 1
    assert "rank agreement" in cli("ablate", "run").out


def test_weights_are_tried_on_a_grid(cli: Cli) -> None:
    cli("eval", "--domain", "retail", "--policy", "noisy:0.5", "--tasks", 4, "--trials", 3,
        "--out", "run")  # fmt: skip
    found = cli("ablate", "run", "--grid", "length=0,1", "--reward", "format=0", "--json").json
    assert [row["name"] for row in found["rows"]] == ["length=0", "length=1"]
    assert "format" not in found["weights"]
    assert cli("ablate", "run", "--grid", "length").status == 2
    outcome = cli("ablate", "run", "--grid", "lengths=1")
    assert outcome.status == 1
    assert "no term 'lengths' here" in outcome.err
    assert "'length'" in outcome.err
