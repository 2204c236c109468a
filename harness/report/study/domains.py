"""Tables of a study of several domains: what agents lack in each, what training in one does in the
others, and what is left from round to round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from statistics import fmean

from harness.discovery.families import CAPABILITIES
from harness.report.figures import UNKNOWN, count, percent
from harness.report.markdown import Markdown, code, joined, table
from harness.report.study.cells import apart_cell, cell, named
from harness.runtime.counting import counted
from harness.runtime.foreign_text import clean
from harness.study.analysis import difference, pass_estimate
from harness.study.capabilities import kinds, shares, shares_by_round
from harness.study.results_file import Results

MOST = 6
"""Patterns of a start, and kinds of mistakes in a cell, that are shown."""


def tested_domains(results: Results) -> list[str]:
    """The domains on whose test tasks there are results, in the order of the arms."""
    return list(dict.fromkeys(results.study.domain_of(arm) for arm in results.arms))


def lacking_table(results: Results) -> str:
    """What the agents lacked in the failures of the arms that the study names, in shares."""
    arms = _family_arms(results)
    found = {arm: shares(results, arm) for arm in arms}
    rows = [
        [lacks, *(cell(of_arm.get(lacks)) for of_arm in found.values())]
        for lacks in CAPABILITIES
        if any(lacks in of_arm for of_arm in found.values())
    ]
    totals = [sum(sum(c.values()) for c in kinds(results, arm).values()) for arm in arms]
    rows += [["failures of the agent", *map(count, totals)]] if rows else []
    return table(["share of failures, %", *(named(results, arm) for arm in arms)], rows)


def kinds_table(results: Results) -> str:
    """Of which kinds of mistakes these shares are made."""
    arms = _family_arms(results)
    found = {arm: kinds(results, arm) for arm in arms}
    rows = [
        [lacks, *(_listed(of_arm.get(lacks, Counter())) for of_arm in found.values())]
        for lacks in CAPABILITIES
        if any(lacks in of_arm for of_arm in found.values())
    ]
    return table(["kinds of mistakes, failures", *(named(results, arm) for arm in arms)], rows)


def found_table(results: Results) -> str:
    """The most frequent patterns of round 1 in each domain, where the study has several starts."""
    rows = []
    for start, by_seed in results.starts.items():
        seen: dict[str, list[tuple[float, int, str]]] = {}
        for result in by_seed.values():
            for one in result.patterns:
                seen.setdefault(one.name, []).append((one.share, one.tasks, one.lacks))
        ranked = sorted(seen, key=lambda name: (-sum(s for s, _, _ in seen[name]), name))[:MOST]
        for name in ranked:
            found = seen[name]
            mean = percent(100 * fmean(share for share, _, _ in found))
            made = count(sum(tasks for _, tasks, _ in found))
            rows.append([code(start), clean(name, 60), found[0][2], str(len(found)), mean, made])
    head = ["start", "pattern", "family", "seeds", "share of failures, %", "tasks made"]
    return table(head, rows if len(results.starts) > 1 else [])


def tested_table(results: Results) -> str:
    """Pass^1 of each policy on the test tasks of each domain that it was tested on."""
    domains, tested = tested_domains(results), _tested(results)
    rows = []
    for policy, on in tested.items():
        if len(on) > 1:
            cells = [
                cell(pass_estimate(results, on[d], 1)) if d in on else UNKNOWN for d in domains
            ]
            home = results.study.domain_of(policy)
            rows.append([named(results, policy), code(home), *cells])
    return table(["policy", "trained in", *map(code, domains)], rows)


def transfer_table(results: Results) -> str:
    """The differences that the study names between policies that were tested on several domains, on
    each of them.
    """
    domains, tested, study = tested_domains(results), _tested(results), results.study
    pairs = [(study.trained_as(c.arm), study.trained_as(c.against)) for c in study.comparisons]
    rows = []
    for arm, against in dict.fromkeys(pairs):
        on = [tested.get(name, {}) for name in (arm, against)]
        both = [domain for domain in domains if all(domain in d for d in on)]
        if len(both) > 1:
            cells = [
                apart_cell(difference(results, on[0][d], on[1][d], 1)) if d in both else UNKNOWN
                for d in domains
            ]
            pair = joined(code(arm), " − ", code(against))
            rows.append([pair, code(study.domain_of(arm)), *cells])
    return table(["", "trained in", *map(code, domains)], rows)


def lacking_by_round(results: Results) -> str:
    """What the agents lacked in the failures that each round read, in shares."""
    found = {arm: shares_by_round(results, arm) for arm in results.arms}
    rows = [
        [code(arm), str(number), *(cell(by_round[number].get(lacks)) for lacks in CAPABILITIES)]
        for arm, by_round in found.items()
        for number in by_round
    ]
    return table(["arm", "round", *(f"{lacks}, %" for lacks in CAPABILITIES)], rows)


def _family_arms(results: Results) -> list[str]:
    return [arm for arm in results.study.family_arms if arm in results.arms]


def _tested(results: Results) -> dict[str, Mapping[str, str]]:
    """By policy, the arm that has its results on each domain."""
    found: dict[str, dict[str, str]] = {}
    for arm in results.arms:
        policy = results.study.trained_as(arm)
        if policy in results.arms:
            found.setdefault(policy, {})[results.study.domain_of(arm)] = arm
    return dict(found)


def _listed(counts: Counter[str]) -> Markdown:
    shown = [f"{code(kind, 30)} {number}" for kind, number in counts.most_common(MOST)]
    rest = len(counts) - len(shown)
    return Markdown(", ".join([*shown, *([f"{counted(rest, 'more kind')}"] if rest > 0 else [])]))
