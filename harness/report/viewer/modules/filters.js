// From what is asked for to the rows of the list: filters, sorting, and what each choice would leave.

import { FILTERS } from "./address.js";
import { words } from "./dom.js";

export const SPLITS = {
  test: "test",
  validation: "validation",
  train: "train",
  other: "other",
  rollout: "training rollouts",
  proof: "proofs of the teacher",
};

export const OUTCOMES = ["failed", "solved", "uncounted"];

export const ORDERS = {
  "": "as in the run",
  "reward": "reward, lowest first",
  "-reward": "reward, highest first",
  "-turns": "turns, most first",
  "turns": "turns, fewest first",
  "-tokens": "tokens, most first",
  "task": "task",
  "mistake": "mistake",
};

// For each filter the values there are, as [value, label], and which of them a row has.
export function facets(run) {
  const { about } = run;
  const named = (names) => names.map((name) => [name, words(name)]).filter(([name]) => name);
  const outcome = Array.from({ length: run.size }, (_, row) => OUTCOMES.indexOf(run.verdict(row)));
  return {
    arm: facet("arm", about.arms.map(({ name, label }) => [name, label]), (row) => run.arm[row], about.arms.map(({ name }) => name)),
    split: facet("split", about.kinds.map((name) => [name, SPLITS[name]]), (row) => run.kind[row], about.kinds),
    outcome: facet("outcome", named(OUTCOMES), (row) => outcome[row], OUTCOMES),
    pattern: facet("pattern", about.pattern_ids.filter(Boolean).map((id) => [id, run.patternName(id)]), (row) => run.pattern[row], about.pattern_ids),
    mistake: facet("mistake", named(about.mistakes), (row) => run.mistake[row], about.mistakes),
    blame: facet("blame", named(about.blames), (row) => run.blame[row], about.blames),
    ended: facet("ended", named(about.endings), (row) => run.ended[row], about.endings),
    tag: { title: "tag", choices: run.tags.names.map((tag) => [tag, words(tag)]), names: run.tags.names, many: (row) => run.tags.ofTask[run.task[row]] },
  };
}

function facet(title, choices, one, names) {
  return { title, choices, one, names };
}

// The rows that pass all filters, and for each filter how many each of its choices would leave.
export function filtered(run, all, state, hits) {
  const asked = FILTERS.filter((name) => state[name]).map((name) => ({
    facet: all[name],
    number: all[name].names.indexOf(state[name]),
  }));
  const counts = Object.fromEntries(FILTERS.map((name) => [name, new Int32Array(all[name].names.length)]));
  const rows = [];
  for (let row = 0; row < run.size; row += 1) {
    if (hits && !hits[row]) continue;
    let failed = null;
    let failures = 0;
    for (const { facet: one, number } of asked) {
      if (has(one, row, number)) continue;
      failed = one;
      failures += 1;
      if (failures > 1) break;
    }
    if (failures > 1) continue;
    if (failures === 0) rows.push(row);
    for (const name of FILTERS) {
      if (failures === 0 || all[name] === failed) count(all[name], row, counts[name]);
    }
  }
  return { rows: sorted(run, rows, state.sort ?? ""), counts };
}

function has(one, row, number) {
  return one.many ? one.many(row).includes(number) : one.one(row) === number;
}

function count(one, row, counts) {
  if (one.many) for (const number of one.many(row)) counts[number] += 1;
  else counts[one.one(row)] += 1;
}

function sorted(run, rows, order) {
  const down = order.startsWith("-") ? -1 : 1;
  const column = { reward: run.total, turns: run.turns, tokens: run.tokens, task: run.task }[order.replace("-", "")];
  if (column) return rows.sort((a, b) => down * (column[a] - column[b]) || a - b);
  if (order !== "mistake") return rows;
  const names = run.about.mistakes;
  const named = (row) => names[run.mistake[row]] || "\uffff";
  return rows.sort((a, b) => named(a).localeCompare(named(b)) || a - b);
}
