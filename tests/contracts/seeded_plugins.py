"""Plugins of each kind that keep their contract, and plugins that each break one rule of it: how
the kit checks them, and words of the finding that is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import testing
from harness.testing import AgreeableUser, ContractBroken, IdlePolicy, PlainFormat
from tests.contracts import seeded_domains
from tests.contracts import test_conformance as usual
from tests.contracts import test_conformance_of_machinery as machinery
from tests.interchange.test_runs import Variant

Check = Callable[[Any, Path], None]


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """The plugins of a kind: ``sound`` ones, and ``broken`` ones with words (a regular expression)
    of what is to be found. ``check`` takes a product and an empty folder.
    """

    check: Check
    sound: Sequence[Any]
    broken: Sequence[tuple[Any, str]]


def finds(seeded: Seeded, product: Any, words: str, folder: Path) -> bool:
    """Whether the check finds something in the product, and with these words."""
    try:
        seeded.check(product, folder)
    except ContractBroken as broken:
        return re.search(words, str(broken)) is not None
    return False


def seeded_plugins() -> Mapping[str, Seeded]:
    """By kind."""
    library = usual.Library()
    return {
        "domain": Seeded(
            check=lambda product, folder: testing.check_domain(product, tasks=6),
            sound=[library, seeded_domains.Library()],
            broken=[*_made(usual.BROKEN_DOMAINS), *_domains()],
        ),
        "policy": Seeded(
            check=lambda product, folder: testing.check_policy(product, library),
            sound=[IdlePolicy()],
            broken=[*_made(usual.BROKEN_POLICIES)],
        ),
        "user simulator": Seeded(
            check=lambda product, folder: testing.check_user_simulator(product, library),
            sound=[AgreeableUser()],
            broken=[*_made(usual.BROKEN_USERS)],
        ),
        "judge": Seeded(
            check=lambda product, folder: testing.check_judge(product, library),
            sound=[usual.SternJudge()],
            broken=[(usual.SternJudge(**wrong), words) for wrong, words in usual.BROKEN_JUDGES],
        ),
        "clusterer": Seeded(
            check=lambda product, folder: testing.check_clusterer(product),
            sound=[usual.ByKind()],
            broken=[
                (usual.NewIds(), "keep the ids"),
                *[row for row in usual.BROKEN_CLUSTERERS if not isinstance(row[0], usual.NewIds)],
            ],
        ),
        "task injector": Seeded(
            check=lambda product, folder: testing.check_task_injector(product, library),
            sound=[usual.Repeating()],
            broken=usual.BROKEN_INJECTORS,
        ),
        "reward term": Seeded(
            check=lambda product, folder: testing.check_reward_term(product, library),
            sound=[usual.success],
            broken=usual.BROKEN_TERMS,
        ),
        "probe": Seeded(
            check=lambda product, folder: testing.check_probe(product, library),
            sound=[usual.Bribe()],
            broken=[*_made(usual.BROKEN_PROBES)],
        ),
        "trainer": Seeded(
            check=lambda product, folder: testing.check_trainer(
                product, machinery.Pupil, machinery.Desk(), folder
            ),
            sound=[machinery.Nudging("tasks"), machinery.Nudging("demonstrations")],
            broken=machinery.BROKEN_TRAINERS,
        ),
        "chat model": Seeded(
            check=lambda product, folder: testing.check_chat_model(
                product, product.provider, key=machinery.KEY
            ),
            sound=[machinery.Direct(machinery.Provider())],
            broken=[
                (kind(machinery.Provider()), words) for kind, words in machinery.BROKEN_CHAT_MODELS
            ],
        ),
        "format": Seeded(
            check=lambda product, folder: testing.check_format(product, library, folder / "x.json"),
            sound=[PlainFormat()],
            broken=[
                (Variant(forgets="tasks"), "the tasks come back"),
                (Variant(forgets="conversations"), "all conversations come back"),
                (Variant(forgets="diagnoses"), "the diagnoses come back"),
                (Variant(forgets="caution"), "is not recognised"),
                (Variant(raises=KeyError("oops")), "it raised KeyError"),
            ],
        ),
        "executor": Seeded(
            check=lambda product, folder: testing.check_executor(product),
            sound=[usual.OneByOne()],
            broken=[(usual.OneByOne(**wrong), words) for wrong, words in usual.BROKEN_EXECUTORS],
        ),
        "observer": Seeded(
            check=lambda product, folder: testing.check_observer(product),
            sound=[machinery.Listening()],
            broken=machinery.BROKEN_OBSERVERS,
        ),
    }


def _made(rows: Sequence[tuple[Callable[[], Any], str]]) -> Iterator[tuple[Any, str]]:
    yield from ((make(), words) for make, words in rows)


def _domains() -> Iterator[tuple[Any, str]]:
    yield from ((make(), re.escape(words)) for make, words in seeded_domains.SEEDED.values())
