"""Grade a source's conversations again, without any model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.assembly.config import nearest
from harness.assembly.opening import problems
from harness.assembly.registry import Registry
from harness.assembly.trust import refuse_unagreed_options
from harness.errors import ConfigError, FormatError
from harness.interchange.failing_gold import failing_gold
from harness.interchange.files import RUN, read_source
from harness.interchange.replay import Compared, Regraded, regrade_all
from harness.interchange.runs import Options, open_domain, open_recorded_domain
from harness.interchange.tally import doubts, noise, outcomes_again, row, tally
from harness.types import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescored:
    """A source's conversations graded again; ``originals`` are the file's records by trajectory
    id, ``failing_gold`` the tasks of which a gold write fails, with its tool.
    """

    source: Path
    domain: str
    graded: Sequence[Regraded]
    originals: Mapping[str, Mapping[str, Json]]
    data_version: str
    failing_gold: Mapping[str, Sequence[str]]

    def rows(self) -> Iterator[dict[str, Json]]:
        """A row of JSON values per conversation."""
        for one in self.graded:
            original = self.originals.get(one.episode.trajectory.id)
            yield row(one, data_version=self.data_version, original=original)

    def counts(self, repeats: Sequence[Rescored] = ()) -> dict[str, Json]:
        """Counts over the conversations; the noise is that of all runs of which these are
        ``repeats``.
        """
        runs = [outcomes_again(one.graded) for one in (self, *repeats)]
        return {**tally(self.graded, self.failing_gold), "noise": noise(runs)}

    def refuse_other_domains(self, repeats: Sequence[Rescored]) -> None:
        """Raise ``ConfigError`` for a repeat that is of another domain."""
        for repeat in repeats:
            if repeat.domain != self.domain:
                raise ConfigError(
                    f"{repeat.source} is of the domain {repeat.domain!r}, {self.source} of "
                    f"{self.domain!r}",
                    hint="Repeat the same tasks with the same model for a noise floor.",
                )

    def refuse_if_none_graded(self) -> None:
        """Raise ``FormatError`` unless at least one conversation was graded."""
        if not any(one.gradeable for one in self.graded):
            raise FormatError(
                f"none of the {len(self.graded)} conversations in {self.source} could be graded: "
                f"{self.graded[0].problem}",
                hint="Check that the domain and its data are those of the recording (--domain). "
                "`harness import` keeps the recorded verdicts.",
            )


def rescore(
    registry: Registry,
    source: Path,
    *,
    domain: str = "",
    format: str = "",
    evaluation: str = "",
    options: Options | None = None,
    compared: Compared = "writes",
    trust: bool = False,
    warn: Callable[[str], None],
) -> Rescored:
    """The conversations of a file or run folder graded again, in another ``domain`` if one is
    given. ``warn`` is called first for what must be known of the new verdicts, and then for tasks
    that the domain cannot carry out or judge. ``trust``: options of the domain that a run folder
    asks for are granted.
    """
    options = options or {}
    found = read_source(registry, source, format=format, evaluation=evaluation, options=options)
    recording = found.recording
    name = domain or recording.domain
    refuse_unused(options, [name] if found.format == RUN else [name, found.format])
    refuse_unagreed_options(name, found.options, source, trust=trust)
    tables = {**found.options, **options}
    world = (
        open_domain(registry, domain, tables)
        if domain
        else open_recorded_domain(registry, recording, tables)
    )
    plugin = registry.plugin_of("domain", name)
    graded = regrade_all(recording, world, compared=compared, plugin=plugin)
    for line in (*doubts(graded), *problems(world, recording.tasks, plugin=plugin)):
        warn(line)
    return Rescored(
        source=source,
        domain=name,
        graded=graded,
        originals=recording.originals,
        data_version=world.data_version,
        failing_gold=failing_gold(recording.tasks, world, plugin=plugin),
    )


def refuse_unused(tables: Options, used: Sequence[str]) -> None:
    """Raise ``ConfigError`` for an option of a plugin that is not among those used."""
    for name in sorted(set(tables) - set(used)):
        raise ConfigError(
            f"--option {name}.… is not used here",
            hint=nearest(name, used) or f"Options of {' and '.join(used)} are used.",
        )
