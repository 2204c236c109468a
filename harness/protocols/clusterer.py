"""Who groups what judges say into error patterns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from harness.types import Diagnosis, ErrorPattern, Survey


class Clusterer(Protocol):
    """Groups diagnoses (agent failures only) into error patterns; ``method`` says how, for the
    report.
    """

    method: str

    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        """Patterns by falling share. One that is the same as in ``previous`` keeps its id."""
        ...


@runtime_checkable
class SurveyingClusterer(Protocol):
    """What a clusterer can do besides: describe its last clustering."""

    def survey(self) -> Survey: ...


class PatternNamer(Protocol):
    """Gives error patterns names and descriptions; ``version`` is that of its prompt."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    async def label(
        self, pattern: ErrorPattern, members: Sequence[Diagnosis], others: Sequence[str]
    ) -> ErrorPattern:
        """The pattern with its words; ``others`` are the names to tell it apart from.

        Raises ``RolloutFault`` where there is no usable answer.
        """
        ...
