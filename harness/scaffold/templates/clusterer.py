"""Error patterns by the kind of mistake and the tool it was made with."""

from collections import Counter
from collections.abc import Sequence

from harness.protocols import Clusterer, Settings
from harness.types import Diagnosis, ErrorPattern, stable_id


class Sample(Clusterer):
    method = "kind and tool"

    def cluster(
        self, diagnoses: Sequence[Diagnosis], previous: Sequence[ErrorPattern]
    ) -> Sequence[ErrorPattern]:
        groups: dict[tuple[str, str], list[Diagnosis]] = {}
        for diagnosis in diagnoses:
            groups.setdefault((diagnosis.kind, diagnosis.tool), []).append(diagnosis)
        patterns = [
            ErrorPattern(
                id=stable_id("sample", *key),  # the same in every round
                name=" in ".join(word.replace("_", " ") for word in key if word),
                description=members[0].summary or key[0],
                members=tuple(d.trajectory_id for d in members),
                exemplars=tuple(d.trajectory_id for d in members[:3]),
                share=len(members) / len(diagnoses),
                kinds=Counter(d.kind for d in members),
            )
            for key, members in groups.items()
        ]
        return sorted(patterns, key=lambda pattern: (-pattern.share, pattern.id))


def sample(settings: Settings) -> Clusterer:
    return Sample()
