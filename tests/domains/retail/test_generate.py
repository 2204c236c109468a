"""Generated tasks: deterministic, varied, unambiguous, and honest about what the customer knows."""

from __future__ import annotations

import itertools
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable

import pytest

from harness.errors import ConfigError
from harness.types import Recipe, Request, Task
from harness_retail.catalogue import OPTION_PHRASES
from harness_retail.database import database
from harness_retail.dead_ends import draft_dead_end
from harness_retail.domain import RetailDomain
from harness_retail.features import DEAD_ENDS, FEATURES, NAMES, WRITES
from harness_retail.operations import OPERATIONS
from harness_retail.records import Variant
from harness_retail.targets import Customer
from harness_retail.tools import RetailWorld

DOMAIN = RetailDomain()


def make(count: int, seed: int = 1, **recipe: object) -> list[Task]:
    return list(itertools.islice(DOMAIN.generate(seed, Recipe(**recipe)), count))  # type: ignore[arg-type]


TASKS = make(600)
REQUESTS = [request for task in TASKS for request in task.scenario.requests]


# --- determinism and splits ----------------------------------------------------------------------


def test_equal_seeds_give_equal_tasks_and_other_seeds_others() -> None:
    assert make(25, seed=3) == make(25, seed=3)
    assert not {t.id for t in make(25, seed=3)} & {t.id for t in make(25, seed=4)}


def test_tasks_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = (
        "from itertools import islice; from harness.types import Recipe;"
        "from harness_retail.generate import generate;"
        "print(*[t.id for t in islice(generate(1, Recipe()), 12)])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert printed.stdout.split() == [task.id for task in TASKS[:12]]


def test_a_fresh_database_comes_every_ten_tasks() -> None:
    names = [task.world["database"] for task in TASKS]
    assert len(set(names)) >= len(TASKS) / 10
    assert all(str(name).startswith("retail/train/") for name in names)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_a_split_has_200_different_tasks_on_its_own_databases(split: str) -> None:
    tasks = DOMAIN.tasks(split)  # type: ignore[arg-type]
    assert len({task.id for task in tasks}) == len(tasks) == 200
    assert {task.split for task in tasks} == {split}
    assert {str(task.world["database"]).split("/")[1] for task in tasks} == {split}
    assert DOMAIN.tasks(split) == tasks  # type: ignore[arg-type]


def test_a_recipe_may_ask_for_another_split() -> None:
    assert {task.split for task in make(5, split="validation")} == {"validation"}


# --- the mix -------------------------------------------------------------------------------------


def test_the_default_mix_is_about_as_planned() -> None:
    writes = Counter(sum(r.want is not None for r in task.scenario.requests) for task in TASKS)
    tags = Counter(tag for task in TASKS for tag in task.tags)
    share = {key: count / len(TASKS) for key, count in (writes + tags).items()}  # type: ignore[operator]
    assert 0.04 < share[0] < 0.12
    assert 0.46 < share[1] < 0.58
    assert 0.15 < share[2] < 0.27
    assert 0.12 < share[3] + share[4] + share[5] < 0.25
    assert 0.06 < sum(share[name] for name in DEAD_ENDS) < 0.14
    assert 0.05 < share["question"] < 0.13
    assert 0.18 < share["amount"] < 0.3
    assert 0.09 < share["same_order"] < 0.19
    assert 0.15 < share["two_orders"] < 0.3
    assert 0.36 < share["withheld"] < 0.52
    assert 0.05 < share["change_of_mind"] < 0.14
    assert 0.05 < share["failing_lookup"] < 0.13
    assert all(share.get(kind, 0) > 0.05 for kind in WRITES)
    assert tags.keys() == NAMES


@pytest.mark.parametrize("feature", [feature.name for feature in FEATURES])
def test_a_required_feature_is_in_every_task(feature: str) -> None:
    assert all(feature in task.tags for task in make(8, required=(feature,)))


def test_features_of_one_request_are_found_in_one_request() -> None:
    for task in make(10, required=("exchange", "two_orders", "same_but", "withheld")):
        assert {"exchange", "two_orders", "same_but", "withheld"} <= set(task.tags)


def test_weights_draw_one_of_their_features_for_every_task() -> None:
    tasks = make(120, weights={"cheapest": 3.0, "refuse_payment": 1.0, "fallback": 0.0})
    tags = Counter(tag for task in tasks for tag in task.tags)
    assert all({"cheapest", "refuse_payment"} & set(task.tags) for task in tasks)
    assert tags["cheapest"] > 2 * tags["refuse_payment"] > 0


@pytest.mark.parametrize(
    "required",
    [
        ("cancel", "same_but"),
        ("same_but", "cheapest"),
        ("transfer", "withheld"),
        ("two_orders", "several_items"),
        ("cancel", "return", "exchange", "modify_items", "transfer"),
    ],
)
def test_features_that_cannot_go_together_are_named(required: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as raised:
        DOMAIN.generate(1, Recipe(required=required))
    assert all(name in str(raised.value) for name in required)


def test_features_that_no_shop_can_serve_are_named() -> None:
    required = ("user_address", "change_of_mind", "withheld")
    with pytest.raises(ConfigError, match="change_of_mind, user_address, withheld"):
        make(1, required=required)


@pytest.mark.parametrize("recipe", [{"required": ("hurry",)}, {"weights": {"hurry": 1.0}}])
def test_an_unknown_feature_is_named(recipe: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="'hurry'"):
        make(1, **recipe)


# --- what customers say --------------------------------------------------------------------------


def texts_of(task: Task) -> Iterable[str]:
    scenario = task.scenario
    yield from (scenario.reason, scenario.known, scenario.unknown, scenario.instructions)
    for fact in scenario.identity:
        yield from (fact.about, *fact.says)
    for request in scenario.requests:
        yield from (*request.says, request.refusal)
        yield from (text for fact in request.facts for text in (fact.about, *fact.says))
        yield from request.revision.says if request.revision else ()


def test_nobody_says_an_id_that_customers_do_not_know() -> None:
    forbidden = re.compile(r"\d{7,}|(credit_card|paypal|gift_card)_|[a-z]+_[a-z]+_\d{4}")
    for task in TASKS:
        known = {
            word
            for request in task.scenario.requests
            for fact in request.facts
            if fact.about == "which order it is"
            for word in re.findall(r"#W\d{7}", fact.says[0])
        }
        for text in texts_of(task):
            assert set(re.findall(r"#W\d+", text)) <= known
            assert not forbidden.search(re.sub(r"#W\d{7}", "", text)), text


def test_few_customers_have_the_order_id_at_hand() -> None:
    about_orders = [r for r in REQUESTS if r.facts and r.kind != "user_address"]
    with_id = [r for r in about_orders if "#W" in " ".join(r.facts[0].says)]
    assert 0.05 < len(with_id) / len(about_orders) < 0.15


def test_every_opening_tells_all_volunteered_facts_and_none_of_the_others() -> None:
    for request in REQUESTS:
        for fact in request.facts:
            if fact.about in ("which order it is", "which item it is about"):
                keys = re.findall(r"#W\d+", fact.says[0]) or list(fact.recognised_by)
                told = [
                    all(key in text.lower() for key in map(str.lower, keys))
                    for text in request.says
                ]
            elif request.revision is not None and fact.says == request.revision.says:
                continue
            else:
                told = [any(says in text for says in fact.says) for text in request.says]
            assert set(told) == {fact.volunteered}, (request.says, fact)


def test_a_volunteered_identity_is_in_every_first_opening() -> None:
    told = 0
    for task in TASKS:
        for fact in task.scenario.identity:
            told += fact.volunteered
            for text in task.scenario.requests[0].says:
                assert any(says in text for says in fact.says) == fact.volunteered
    assert told


def test_texts_are_filled_in_and_tidy() -> None:
    for task in TASKS:
        for text in texts_of(task):
            assert not re.search(r"[{}]|  |\bNone\b| \.|\.\.|,,| a [aeio]", text), text


def test_requests_are_worded_in_several_ways() -> None:
    assert sum(len(request.says) for request in REQUESTS) / len(REQUESTS) > 2
    openings = {" ".join(text.split()[:3]) for request in REQUESTS for text in request.says}
    assert len(openings) > 20


def test_the_first_lookup_of_a_failing_one_finds_nobody() -> None:
    by_email, by_name = ("email",), ("first_name", "last_name", "zip")
    seen = set()
    for task in make(30, required=("failing_lookup",)):
        wrong, right = task.scenario.identity
        seen.add((wrong.needed_for, right.needed_for))
        question = f"could you tell me {right.about}?"
        assert any(word in question for word in right.asked_by)
        assert not any(word in question for word in wrong.asked_by)
        for user in database(str(task.world["database"])).users.values():
            told = (user["name"]["last_name"], user["address"]["zip"])
            for text in wrong.says:
                assert user["email"] not in text
                assert not all(word in text for word in told)
    assert seen == {(by_email, by_name), (by_name, by_email)}


def test_every_fact_is_asked_for_by_the_question_made_of_it() -> None:
    for task in TASKS:
        facts = [*task.scenario.identity, *(f for r in task.scenario.requests for f in r.facts)]
        for fact in facts:
            question = f"could you tell me {fact.about}?"
            assert any(word in question for word in fact.asked_by) or fact.volunteered, fact


def test_a_fact_recognises_the_wanted_call_and_does_not_conflict_with_it() -> None:
    for request in REQUESTS:
        if request.want is None:
            continue
        words = [request.want.name, *map(str, request.want.arguments.values())]
        proposal = " ".join(words).lower().replace("_", " ")
        assert any(verb in proposal for verb in request.verbs)
        for fact in request.facts:
            conflicts = any(phrase in proposal for phrase in fact.conflicts_with)
            assert not conflicts or any(phrase in proposal for phrase in fact.recognised_by)


def test_a_wrong_reason_payment_method_or_order_conflicts_with_what_the_customer_knows() -> None:
    wrong: Counter[str] = Counter()
    for task in TASKS:
        for request in task.scenario.requests:
            for name, value in _wrong_values(task, request):
                proposal = f"{name} {value}".lower().replace("_", " ")
                (fact,) = [f for f in request.facts if name in f.needed_for and f.conflicts_with]
                assert any(phrase in proposal for phrase in fact.conflicts_with), (value, fact)
                assert not any(phrase in proposal for phrase in fact.recognised_by)
                wrong[name] += 1
    assert min(wrong[name] for name in ("reason", "payment_method_id", "order_id")) > 20


def _wrong_values(task: Task, request: Request) -> Iterable[tuple[str, str]]:
    """Arguments that the customer can tell are not what it wants."""
    if request.want is None or request.kind == "user_address" or request.revision is not None:
        return
    shop, wanted = database(str(task.world["database"])), request.want.arguments
    user = shop.users[shop.orders[str(wanted["order_id"])]["user_id"]]
    if request.kind == "cancel":
        reasons = {"no longer needed", "ordered by mistake"} - {str(wanted["reason"])}
        yield "reason", reasons.pop()
    for method_id in user["payment_methods"]:
        if wanted.get("payment_method_id") not in (None, method_id):
            yield "payment_method_id", method_id
    if "#W" in request.facts[0].says[0]:
        for order_id in user["orders"]:
            if order_id != wanted["order_id"]:
                yield "order_id", order_id


# --- the gold ------------------------------------------------------------------------------------


def test_gold_is_what_the_requests_want_in_order() -> None:
    for task in TASKS:
        wanted = [request.want for request in task.scenario.requests if request.want]
        assert [c for c in task.gold if c.name != "transfer_to_human_agents"] == wanted
        transferred = [r for r in task.scenario.requests if r.outcome == "transferred"]
        assert len(task.gold) == len(wanted) + len(transferred)
        assert transferred in ([], [task.scenario.requests[-1]])


def test_every_gold_call_goes_through_and_changes_something() -> None:
    for task in TASKS:
        world = DOMAIN.open(task)
        for call in task.gold:
            before = world.changes()
            assert not world.call(call).is_error
            assert world.changes() != before


def test_doing_nothing_changes_nothing_and_so_misses_every_task_with_gold() -> None:
    for task in TASKS:
        untouched, gold = DOMAIN.open(task), DOMAIN.open(task)
        for call in task.gold:
            gold.call(call)
        assert untouched.changes() == ()
        assert (gold.changes() == ()) == (not task.gold)


def test_a_change_of_mind_starts_from_another_call_of_the_same_tool() -> None:
    revised = [r for r in REQUESTS if r.revision is not None]
    assert len({r.kind for r in revised}) > 3
    for request in revised:
        assert request.revision is not None
        assert request.want is not None
        assert request.revision.proposal.name == request.want.name
        assert not request.revision.proposal.same_as(request.want)


def test_the_words_for_a_variant_fit_the_wanted_one_alone() -> None:
    checked: Counter[str] = Counter()
    for task in make(60, seed=8, required=("exchange",)) + make(
        60, seed=9, required=("modify_items",)
    ):
        shop = database(str(task.world["database"]))
        for request in task.scenario.requests:
            wanted = _one_new_item(request)
            if wanted is None or request.want is None:
                continue
            order = shop.orders[str(request.want.arguments["order_id"])]
            old_id = next(iter(request.want.arguments["item_ids"]))  # type: ignore[arg-type]
            item = next(item for item in order["items"] if item["item_id"] == old_id)
            text = next(f for f in request.facts if f.needed_for == ("new_item_ids",)).says[0]
            variants = list(shop.products[item["product_id"]]["variants"].values())
            style, fitting = _understood(text, variants, item["options"])
            assert [variant["item_id"] for variant in fitting] == [wanted], text
            checked[style] += 1
    assert set(checked) == {"cheapest", "fallback", "same_but", "full"}


def _one_new_item(request: Request) -> str | None:
    new = request.want.arguments.get("new_item_ids") if request.want else None
    return str(new[0]) if isinstance(new, list) and len(new) == 1 else None


def _understood(
    text: str, variants: list[Variant], current: dict[str, str]
) -> tuple[str, list[Variant]]:
    available = [variant for variant in variants if variant["available"]]
    if "cheapest" in text:
        low = min(variant["price"] for variant in available)
        return "cheapest", [variant for variant in available if variant["price"] == low]
    if "if that is not available" in text:
        first, second = text.split(", or ")
        for part in (first, second):
            found = [v for v in available if v["options"] == current | _named(part, variants)]
            if found:
                break
        assert part is second
        return "fallback", found
    style = "same_but" if "the same one" in text else "full"
    options = (current if style == "same_but" else {}) | _named(text, variants)
    return style, [variant for variant in available if variant["options"] == options]


def _named(text: str, variants: list[Variant]) -> dict[str, str]:
    pairs = {pair for variant in variants for pair in variant["options"].items()}
    return {
        name: value
        for name, value in pairs
        if re.search(rf"\b{re.escape(OPTION_PHRASES[name].format(value))}\b", text)
    }


# --- what must be refused ------------------------------------------------------------------------

IMPOSSIBLE = {
    "refuse_status": r"Non-(pending|delivered) order cannot be \w+",
    "refuse_payment": r"Insufficient gift card balance|should be the original payment method",
    "refuse_variant": r"Variant not found|not found or available",
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_what_must_be_refused_is_refused_by_the_tools(kind: str) -> None:
    tools = set()
    for seed in range(4):
        shop = database(f"retail/train/{seed}")
        for user in shop.users.values():
            draft = draft_dead_end(Customer(shop, user, random.Random(seed)), kind, frozenset())
            if draft is None:
                continue
            assert draft.gold is draft.request.want is None
            assert draft.request.outcome == "refused"
            assert draft.request.refusal
            assert draft.forbidden is not None
            tools.add(draft.forbidden.name)
            result = RetailWorld(shop).call(draft.forbidden)
            assert re.search(IMPOSSIBLE[kind], result.content)
    assert len(tools) >= (2 if kind == "refuse_variant" else 3)


def test_what_is_refused_for_somebody_else_is_somebody_elses() -> None:
    for task in make(20, required=("refuse_other_user",)):
        shop = database(str(task.world["database"]))
        request = next(r for r in task.scenario.requests if r.outcome == "refused")
        friends = [
            user
            for user in shop.users.values()
            if (name := f"{user['name']['first_name']} {user['name']['last_name']}")
            in request.says[0]
            and name not in task.scenario.known
        ]
        assert len(friends) == 1


def test_an_exchange_is_not_refused_where_a_modification_would_do() -> None:
    for kind in ("exchange", "modify_items"):
        assert OPERATIONS[kind].wrong_statuses == ("processed",)


@pytest.mark.parametrize("feature", ["same_but", "several_items", "exchange", "fallback"])
@pytest.mark.parametrize("plain", [True, False])
def test_tasks_are_without_what_they_are_best_without_unless_it_is_required(
    feature: str, plain: bool
) -> None:
    usual = {"required": (feature,), "requests": 1, "plain": plain}
    unwanted = ("payment_choice", "withheld")
    spared = [t for t in make(60, **usual, without=unwanted) if {*unwanted} & set(t.tags)]
    often = [t for t in make(60, **usual) if {*unwanted} & set(t.tags)]
    assert len(often) > 4 * len(spared)
    assert not (plain and spared)
    asked = {**usual, "required": (feature, "payment_choice")}
    both = make(20, **asked, without=("payment_choice",))
    assert all("payment_choice" in task.tags for task in both)


def test_a_feature_that_is_not_there_cannot_be_left_out() -> None:
    with pytest.raises(ConfigError, match="no feature 'nonsense'"):
        make(1, without=("nonsense",))
