"""Generated tasks: deterministic, varied, solvable from words and screens, disjoint by split."""

from __future__ import annotations

import itertools
import re

import pytest

from harness.errors import ConfigError
from harness.types import Recipe, Split, Task, ToolCall
from harness_telecom.database import database, database_name
from harness_telecom.domain import TelecomDomain
from harness_telecom.faults import ASSERTIONS, FAULTS
from harness_telecom.features import DEAD_ENDS, FEATURES, SUPPORTS, TROUBLES, WRITES
from harness_telecom.solve import solve
from harness_telecom.targets import AMOUNTS, TOO_MUCH

DOMAIN = TelecomDomain()


def make(count: int, seed: int = 1, **recipe: object) -> list[Task]:
    return list(itertools.islice(DOMAIN.generate(seed, Recipe(**recipe)), count))  # type: ignore[arg-type]


TASKS = make(300)


def test_equal_seeds_give_equal_tasks_and_other_seeds_others() -> None:
    assert make(20, seed=3) == make(20, seed=3)
    assert not {t.id for t in make(20, seed=3)} & {t.id for t in make(20, seed=4)}


def test_splits_share_no_customers_lines_devices_bills_and_numbers() -> None:
    splits: tuple[Split, ...] = ("train", "validation", "test")
    seen: list[set[str]] = []
    for split in splits:
        found: set[str] = set()
        for seed in range(12):
            network = database(database_name(split, seed))
            for kind in ("customers", "lines", "devices", "bills", "plans"):
                found |= network.tables[kind].keys()
            found |= {line["phone_number"] for line in network.lines.values()}
        seen.append(found)
    assert all(one.isdisjoint(other) for one, other in itertools.combinations(seen, 2))


def test_the_solver_solves_every_task_in_one_way() -> None:
    for task in TASKS:
        assert solve(task), task.tags
        assert len(DOMAIN.readings(task)) == 1


@pytest.mark.parametrize("name", [feature.name for feature in FEATURES])
def test_every_feature_can_be_asked_for(name: str) -> None:
    task = make(1, required=(name,))[0]
    assert name in task.tags
    assert solve(task)


def test_an_easy_task_has_the_feature_that_it_must_have_and_no_other() -> None:
    easy = make(40, seed=5, plain=True, requests=1, required=("mobile_data",))
    assert all({*task.tags} <= {"mobile_data", *FAULTS} and len(task.tags) == 2 for task in easy)


def test_unknown_and_impossible_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="no feature"):
        make(1, required=("teleport",))
    with pytest.raises(ConfigError):
        make(1, required=tuple(kind for kind in DEAD_ENDS))


@pytest.mark.parametrize(
    ("kind", "fault"), [(k, f) for f in FAULTS for k in SUPPORTS[f] if FAULTS[f].symptom == k]
)
def test_a_fault_shows_as_its_symptom_until_it_is_mended(kind: str, fault: str) -> None:
    task = make(1, required=(kind, fault), plain=True, requests=1)[0]
    world = DOMAIN.open(task)
    assertion = next(call for symptom, call in ASSERTIONS.items() if symptom == kind)
    assert world.stage(assertion) is False
    for call in task.gold:
        world.call(call)
    assert world.stage(assertion) is True


def test_a_repair_of_several_is_not_enough() -> None:
    for task in make(20, seed=2, required=("no_service", "several_faults"), requests=1):
        world = DOMAIN.open(task)
        for call in task.gold[:-1]:
            world.call(call)
        assert world.stage(ASSERTIONS["no_service"]) is False


def test_customers_never_say_what_is_wrong_with_the_phone() -> None:
    causes = r"airplane|sim card|apn|roaming|data saver|vpn|wi-?fi|permission|suspended|\bmode\b"
    for task in make(60, seed=6):
        for request in task.scenario.requests:
            if request.kind in TROUBLES:
                says = [*request.says, *(text for fact in request.facts for text in fact.says)]
                assert not [text for text in says if re.search(causes, text, re.IGNORECASE)]


def test_no_text_of_an_amount_is_part_of_that_of_another() -> None:
    texts = [str(amount) for amount in (*AMOUNTS, *TOO_MUCH)]
    assert not [(one, other) for one, other in itertools.permutations(texts, 2) if one in other]


def test_twists_keep_what_is_wanted() -> None:
    woven = 0
    for task, twist in itertools.product(TASKS[:60], DOMAIN.twists):
        made = DOMAIN.weave(task, twist, 1)
        if made is not None:
            woven += 1
            assert made.gold == task.gold
            assert made.scenario != task.scenario
            assert solve(made)
    assert woven > 60


def test_a_line_is_not_resumed_while_a_bill_is_unpaid() -> None:
    """Resuming first, or without the payment, is another end of the records."""
    task = make(1, required=("resume", "unpaid_bill"), plain=True, requests=1)[0]
    world = DOMAIN.open(task)
    world.call(task.gold[-1])
    assert world.changes() != DOMAIN.gold_changes(task)


def test_all_kinds_come_up() -> None:
    tags = {tag for task in make(600, seed=9) for tag in task.tags}
    assert {*WRITES, *DEAD_ENDS, *FAULTS} <= tags


def test_the_setup_of_a_task_has_no_calls_that_fail() -> None:
    for task in TASKS[:100]:
        network = database(str(task.world["database"]))
        world = type(DOMAIN.open(task))(network)
        for requestor, name, arguments in task.world["setup"]:  # type: ignore[union-attr, misc]
            world.stage(ToolCall(name=name, arguments=arguments, requestor=requestor))  # type: ignore[arg-type]
