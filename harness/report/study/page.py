"""A study's page in Markdown: every figure with its interval, every expectation with a verdict."""

from __future__ import annotations

from collections.abc import Mapping

from harness.report.markdown import Markdown, code, plain, table
from harness.report.study.domains import (
    found_table,
    kinds_table,
    lacking_by_round,
    lacking_table,
    tested_table,
    transfer_table,
)
from harness.report.study.tables import (
    behaviour_table,
    budgets,
    difference_table,
    effort_table,
    learning_table,
    main_table,
    pattern_table,
    practice_table,
    shift_table,
    solved_table,
    sort_table,
    start_table,
    stated,
)
from harness.runtime.counting import counted
from harness.study.analysis import Judged, judge
from harness.study.results_file import Results

_METHOD = """\
Intervals are 95% percentile intervals of {resamples} bootstrap resamples that draw seeds and,
independently, tasks, and average over all pairs drawn (the pigeonhole bootstrap, Owen 2007);
differences are taken within seed and task first. Where an arm has one seed, its interval is
over tasks alone and says nothing about other seeds; with few seeds it is somewhat too narrow.
Bold: the interval leaves out 0, and the tasks' differences with signs by chance would seldom do as
much (p below 0.05)."""

_RULES = """\
A difference, of Pass^k or of the shares of failures that are gone, is *confirmed* if it reaches
what was expected and is sure, as in bold above, *refuted* if the whole interval is below what was
expected. That an arm is lowest, or fails less, is *confirmed* if it is surely below each of the
others, *refuted* if it is surely above one. All else is *undecided*. Shares of failures have no
signs: of them the interval decides alone."""

_SORTS = """\
Differences of Pass^1 on the test tasks that carry a tag of the domain, and on those that do not,
for tags that about half of them carry. They are not corrected for their number: one in twenty is
bold by chance."""

_STARTS = """\
Pass^1 over the trials of test tasks that SFT of the same seed never, sometimes and always solved in
its trials but that one, so that the SFT row has no luck that others have not."""

_PRACTICE = """\
Of the groups of rollouts of one task that the evaluated policy was trained on, those in which none,
some and all rollouts succeeded, and how often they succeeded in the first and in the second half of
the steps, in percent; mean over seeds (lowest to highest seed)."""

_PATTERNS = """\
Failures of the test tasks per 100 conversations. A failure belongs to the round-1 pattern of
its seed that holds most failures of the same kind with the same tool. *tasks made*: targeted ones
of round 1, over all seeds."""

_SOLVED = """\
Of the conversations that SFT of the same seed failed by a pattern, how many the arm solves, in
percent: Pass^1 where a test task counts as often as SFT failed it that way. What fails otherwise
now is not solved, and is in the table above under another pattern."""

_LACKING = """\
The agent's failures on test tasks by what it lacked, in families that all domains share. A family
is that of the kind of mistake, or *Coordination with the user* where what went wrong was the user's
to do; *Other* are kinds that say nothing of it. Patterns are of the conversations on validation
tasks that round 1 read; what was the user's to do is not told apart in them."""

_TRANSFER = """\
Policies that were tested on several domains: Pass^1 on each, and how far one is above another
there, in points."""

_BEHAVIOUR = """\
Per conversation on the test tasks, mean over seeds (lowest to highest seed). *Repeated*: with
the name and arguments of an earlier call in the conversation. *Others' fault*: failures, over all
seeds, that the judge blames on user, task or tool; they count in Pass^k. *Not counted*:
conversations that ended in a fault, in no figure."""

_EFFORT = """\
CPU time of all processes, mean over seeds. *Making tasks*: conversations on validation tasks,
their diagnoses and patterns, and the gates of new tasks; those of round 1 are shared by all.
*Rollouts since SFT*: what the evaluated policy was trained on; *in all*: with those of earlier
rounds whose weights it does not go on from."""


def page(results: Results, source: str, pictures: Mapping[str, str], notes: str = "") -> str:
    """The page. ``source`` is the file it is made from, ``pictures`` are paths by name of plot,
    ``notes`` what people have to say, as it is: what stands before its first heading opens the
    page, the rest closes it.
    """
    lead, heading, rest = f"\n{notes.strip()}".partition("\n## ")
    sections = [
        f"# {plain(results.study.title, 100)}",
        lead.strip(),
        _opening(results, source),
        _expectations(results),
        _section("Pass^k", main_table(results), _published(results), pictures, "pass"),
        _section("Differences", difference_table(results), "", pictures, "differences"),
        _section("By what tasks ask for", sort_table(results), _SORTS, pictures, ""),
        _section("By what SFT made of them", start_table(results), _STARTS, pictures, ""),
        _section("Over rollouts", learning_table(results), "", pictures, "rollouts"),
        _section("Training", practice_table(results), _PRACTICE, pictures, "training"),
        _section("Error patterns", pattern_table(results), _PATTERNS, pictures, "patterns"),
        _section("What became of SFT's failures", solved_table(results), _SOLVED, pictures, ""),
        _section("What agents lack", _lacking(results), _LACKING, pictures, ""),
        _section("Transfer", _transfer(results), _TRANSFER, pictures, ""),
        _section("Rounds", _rounds(results), _shift_note(results), pictures, "rounds"),
        _section("Behaviour", behaviour_table(results), _BEHAVIOUR, pictures, ""),
        _section("Where the time went", effort_table(results), _effort(results), pictures, ""),
        _voids(results),
        f"{heading}{rest}".strip(),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def judged(results: Results) -> list[Judged]:
    """Every expectation of the study with its verdict."""
    return [judge(results, expectation) for expectation in results.study.expectations]


def reason(one: Judged) -> Markdown:
    """The estimates that decided."""
    if one.expectation.shows == "lowest":
        against = [f"against {code(name)} {stated(e)}" for name, e in one.estimates.items()]
        return Markdown("; ".join(against))
    return Markdown("; ".join(stated(e) for e in one.estimates.values()))


def _opening(results: Results, source: str) -> str:
    study = results.study
    config = study.config(next(iter(study.starts)), study.seeds[0])
    domains = list(dict.fromkeys(map(study.domain_of, study.arms)))
    planned = study.turns()
    had = sum(map(len, [*results.starts.values(), *results.arms.values()]))
    had += sum(row.arm not in study.starts for row in results.voids)
    so_far = "" if had >= len(planned) else f" **So far {had} of {len(planned)} turns are done.**"
    return (
        f"Made from {code(source)} by `harness study report`; nothing here is typed in by hand but"
        f" what is said to be a note. Domain{'s' if len(domains) > 1 else ''}"
        f" {', '.join(map(code, domains))}, policy {code(config.policy)},"
        f" {counted(config.test_tasks, 'test task')} × {counted(config.test_trials, 'trial')} at"
        f" temperature {config.temperature:g}, {len(study.seeds)} training"
        f" seed{'s' if len(study.seeds) > 1 else ''}. {_begun(results)} meet the same test tasks"
        f" with the same seeds.{so_far}\n\n" + _METHOD.format(resamples=f"{study.resamples:,}")
    )


def _begun(results: Results) -> str:
    if len(results.study.starts) == 1:
        return "All arms of a seed begin at the same SFT checkpoint and"
    return (
        "Arms of a seed with the same start begin at the same SFT checkpoint; all arms on a domain"
    )


def _expectations(results: Results) -> str:
    found = judged(results)
    if not found:
        return ""
    rows = [[Markdown(f"**{one.verdict}**"), one.expectation.says, reason(one)] for one in found]
    body = table(["", "expected before the first run", "measured"], rows)
    return f"## What was expected\n\n{body}\n\n{_RULES}"


def _lacking(results: Results) -> str:
    tables = (lacking_table(results), kinds_table(results), found_table(results))
    return "\n\n".join(one for one in tables if one)


def _transfer(results: Results) -> str:
    return "\n\n".join(one for one in (tested_table(results), transfer_table(results)) if one)


def _rounds(results: Results) -> str:
    return "\n\n".join(one for one in (shift_table(results), lacking_by_round(results)) if one)


def _section(title: str, body: str, note: str, pictures: Mapping[str, str], picture: str) -> str:
    drawn = f"![{title}]({pictures[picture]})" if picture in pictures else ""
    if not body and not drawn:
        return ""
    return "\n\n".join(part for part in (f"## {title}", note, body, drawn) if part)


def _published(results: Results) -> str:
    where = results.study.published_from
    return f"*published*: Pass^1 / 2 / 3 / 4 of {plain(where)}." if where else ""


def _shift_note(results: Results) -> str:
    if not any(r.shifts for by in results.arms.values() for r in by.values()):
        return ""
    return (
        "The mix of failures on validation tasks from one round's policy to the next one's:"
        " total variation, and the p-value of a permutation test within tasks."
    )


def _effort(results: Results) -> str:
    return " ".join([_EFFORT, *budgets(results)])


def _voids(results: Results) -> str:
    if not results.voids:
        return ""
    lines = [f"- {code(row.arm)}, seed {row.seed}: {plain(row.void)}" for row in results.voids]
    return "## What could not be run\n\n" + "\n".join(lines)
