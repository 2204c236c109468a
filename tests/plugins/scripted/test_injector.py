"""Tasks made on purpose from an error pattern."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import pytest

from harness.errors import ConfigError, NothingToLearn
from harness.protocols import Domain, Settings
from harness.testing import fakes
from harness.types import Diagnosis, Episode, ErrorPattern, Recipe, Task
from harness_retail.domain import RetailDomain
from harness_scripted.expert import expert, noop
from harness_scripted.injector import template_injector

Play = Callable[..., list[Episode]]
Members = Sequence[tuple[Episode, Diagnosis]]


def pattern(**kinds: int) -> ErrorPattern:
    return ErrorPattern(id="p1", name="", description="", members=(), share=1.0, kinds=kinds)


def failures(play: Play, tasks: Sequence[Task], kind: str, tool: str = "") -> Members:
    return [
        (
            episode,
            Diagnosis(
                trajectory_id=episode.trajectory.id,
                task_id=episode.task.id,
                blame="agent",
                kind=kind,
                turn=1,
                summary="",
                tool=tool,
            ),
        )
        for episode in play(noop(Settings()), tasks)
    ]


def inject(
    error: ErrorPattern,
    members: Members,
    domain: Domain,
    count: int = 24,
    seed: int = 4,
    **options: str,
) -> list[Task]:
    injector = template_injector(Settings(options=options))

    async def first() -> list[Task]:
        found: list[Task] = []
        async for task in injector.inject(error, members, domain, round=2, seed=seed):
            found.append(task)
            if len(found) == count:
                break
        return found

    return asyncio.run(first())


@pytest.fixture(scope="module")
def members(play: Play, weather: Domain) -> Members:
    tasks = list(islice(weather.generate(9, Recipe(required=("similar_alerts",))), 5))
    return failures(play, tasks, "wrong_alert", "cancel_alert")


def test_tasks_have_the_feature_that_provokes_the_pattern(
    members: Members, weather: Domain
) -> None:
    made = inject(pattern(wrong_alert=5), members, weather)
    assert len(made) == 24
    assert all("similar_alerts" in task.tags for task in made)


def test_each_feature_that_provokes_a_dominant_kind_gets_its_turn(
    members: Members, weather: Domain
) -> None:
    made = inject(pattern(wrong_alert=5, missing_transfer=5, missing_step=1), members, weather)
    tags = Counter(tag for task in made for tag in task.tags)
    assert tags["similar_alerts"] == tags["out_of_scope"] == 12
    assert tags["two_requests"] == 0


def test_what_was_asked_for_is_no_feature_where_another_explains_the_failures(play: Play) -> None:
    retail = RetailDomain()

    def failed(*required: str, count: int = 6) -> Members:
        tasks = islice(retail.generate(3, Recipe(required=required, requests=1)), count)
        return failures(play, list(tasks), "wrong_address", "modify_pending_order_address")

    def asked(members: Members) -> set[str]:
        made = inject(pattern(wrong_address=6), members, retail, count=6, level="plain")
        return {task.origin.feature for task in made if task.origin}

    changed = failed("change_of_mind", "modify_address")
    assert asked(changed) == {"change_of_mind"}
    assert asked([*changed, *failed("modify_address")]) == {"change_of_mind", "modify_address"}
    assert asked([*changed, *failed("modify_address", count=1)]) == {"change_of_mind"}


def _refused(play: Play, count: int) -> Members:
    tasks = RetailDomain().generate(3, Recipe(required=("refuse_status",), requests=1))
    return failures(play, list(islice(tasks, count)), "should_have_refused", "cancel_pending_order")


def test_what_must_be_refused_is_of_the_kind_that_was_failed_and_alone(play: Play) -> None:
    members = _refused(play, 6)
    failed = {e.trajectory.id: e.task.scenario.requests[0].kind for e, _ in members}
    assert len(set(failed.values())) > 2
    made = inject(pattern(should_have_refused=6), members, RetailDomain(), level="plain")
    for task in made:
        (request,) = task.scenario.requests
        assert task.origin is not None
        assert request.outcome == "refused"
        assert request.kind == failed[task.origin.trajectory_id]


def test_where_the_failed_kind_is_never_refused_others_are_and_the_search_ends(play: Play) -> None:
    drawn = 0

    class Counting(RetailDomain):
        def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
            nonlocal drawn
            for task in super().generate(seed, recipe):
                drawn += 1
                yield task

    members = [
        (replace(episode, task=_asking_for("telling the future", episode.task)), diagnosis)
        for episode, diagnosis in _refused(play, 1)
    ]
    made = inject(pattern(should_have_refused=1), members, Counting(), level="alone")
    assert len(made) == 24
    assert all("refuse_status" in task.tags for task in made)
    assert drawn < 200


def _asking_for(kind: str, task: Task) -> Task:
    asked = tuple(replace(request, kind=kind) for request in task.scenario.requests)
    return replace(task, scenario=replace(task.scenario, requests=asked))


def test_lineage_is_complete(members: Members, weather: Domain) -> None:
    made = inject(pattern(wrong_alert=5), members, weather)
    parents = {episode.trajectory.id: episode.task.id for episode, _ in members}
    for task in made:
        assert task.origin is not None
        assert task.split == "train"
        origin = task.origin
        assert (origin.round, origin.pattern_id, origin.injector) == (2, "p1", "template")
        assert origin.seed == 4
        assert parents[origin.trajectory_id] == origin.parent_task_id
    used = Counter(task.origin.trajectory_id for task in made if task.origin)
    assert set(used) == set(parents)
    assert max(used.values()) - min(used.values()) <= 1


def test_ids_are_unique_and_equal_seeds_give_equal_tasks(members: Members, weather: Domain) -> None:
    made = inject(pattern(wrong_alert=5), members, weather)
    assert len({task.id for task in made}) == len(made)
    assert inject(pattern(wrong_alert=5), members, weather) == made
    other = inject(pattern(wrong_alert=5), members, weather, seed=5)
    assert not {task.id for task in made} & {task.id for task in other}


def test_made_tasks_can_be_solved(play: Play, members: Members, weather: Domain) -> None:
    made = inject(pattern(wrong_alert=5), members, weather)
    assert all(episode.grade.success for episode in play(expert(Settings()), made))


def test_without_a_provoking_feature_what_the_members_have_in_common_is_asked_for(
    play: Play, weather: Domain
) -> None:
    tasks = list(islice(weather.generate(9, Recipe(required=("change_of_mind",))), 5))
    made = inject(pattern(odd=5), failures(play, tasks, "odd"), weather)
    assert all("change_of_mind" in task.tags for task in made)


class Plain:
    """The domain without some of its abilities."""

    def __init__(self, domain: Domain, *, features: bool = True) -> None:
        self.inner = domain
        self.name, self.tools, self.tasks = domain.name, domain.tools, domain.tasks
        self.features = domain.features if features else ()
        self.twists: tuple[str, ...] = ()
        self.solve = domain.solve

    def generate(self, seed: int, recipe: Recipe) -> Iterator[Task]:
        if recipe.required:
            raise ConfigError("these features do not go together")
        return self.inner.generate(seed, recipe)


def test_features_that_cannot_go_together_become_weights(members: Members, weather: Domain) -> None:
    made = inject(pattern(wrong_alert=5), members, Plain(weather))  # type: ignore[arg-type]
    assert all("similar_alerts" in task.tags for task in made)


def test_a_domain_without_features_gets_plain_tasks(members: Members, weather: Domain) -> None:
    made = inject(pattern(wrong_alert=5), members, Plain(weather, features=False))  # type: ignore[arg-type]
    assert len({task.id for task in made}) == 24
    assert all(task.origin for task in made)


def test_a_pattern_without_members_is_refused(weather: Domain) -> None:
    with pytest.raises(NothingToLearn, match="p1"):
        inject(pattern(wrong_alert=5), [], weather)


def test_a_threshold_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ConfigError, match="lift"):
        template_injector(Settings(options={"lift": "high"}))


def retail_failures(tasks: Sequence[Task], kind: str) -> Members:
    retail = RetailDomain()

    def played(policy: object, tasks: Sequence[Task]) -> list[Episode]:
        return [fakes.play(retail, task) for task in tasks]

    return failures(played, tasks, kind)


def test_what_would_invite_another_mistake_is_left_out_of_the_easiest_tasks() -> None:
    retail = RetailDomain()
    tasks = [t for t in retail.tasks("train") if {"same_but", "payment_choice"} <= {*t.tags}][:4]
    for kind, has_choice in (("wrong_variant", False), ("wrong_payment_method", True)):
        members = retail_failures(tasks, kind)
        made = inject(pattern(**{kind: 4}), members, retail, 12, level="plain")
        plain = [task for task in made if task.origin and task.origin.level == "plain"]
        assert len(plain) > 6
        assert any("payment_choice" in task.tags for task in plain) is has_choice


def test_tasks_ask_for_as_much_as_the_failure_unless_they_are_to_be_easier() -> None:
    retail = RetailDomain()
    long = [t for t in retail.tasks("train") if "same_but" in t.tags]
    long = [task for task in long if len(task.scenario.requests) == 3][:4]
    members = retail_failures(long, "wrong_variant")
    counts = {
        level: Counter(
            len(task.scenario.requests)
            for task in inject(pattern(wrong_variant=4), members, retail, 12, level=level)
        )
        for level in ("plain", "alone", "as it failed", "mixed")
    }
    assert min(counts["mixed"][1], counts["mixed"][3]) >= 4
    made = inject(pattern(wrong_variant=4), members, retail, 12, level="alone")
    for task in made:
        assert task.origin
        assert (task.origin.level == "alone") is (len(task.scenario.requests) == 1)
    assert counts["as it failed"][3] >= 10
    assert counts["alone"][1] >= 10
    assert counts["plain"][1] >= 10


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ConfigError, match="level"):
        template_injector(Settings(options={"level": "hard"}))
