// Error patterns, what each came to from arm to arm, and the failures in it.

import { link } from "./address.js";
import { chip } from "./conversation.js";
import { el, number, percent, words } from "./dom.js";

const MOST = 60; // failures shown of one pattern

export function patternsView(run, state) {
  const { patterns } = run.about;
  if (!patterns.length) return el("p", { class: "empty" }, "This run has no error patterns yet.");
  const arms = testArms(run);
  const counts = failuresByArm(run);
  return el(
    "div",
    { class: "page" },
    el("h2", {}, "Error patterns"),
    patterns.filter((pattern) => pattern.id === state.id).map((pattern) => opened(run, pattern)),
    el("p", { class: "soft" }, "Failures of the conversations that were diagnosed. On test tasks a failure is counted with the pattern of its kind of mistake and tool."),
    el(
      "div",
      { class: "wide" },
      el(
        "table",
        {},
        el("thead", {}, el("tr", {}, el("th", {}, "pattern"), el("th", { class: "n" }, "share when found"), arms.map(({ label }) => el("th", { class: "n" }, `${label}, test`)))),
        el("tbody", {}, patterns.map((pattern) => patternRow(run, pattern, arms, counts, state))),
      ),
    ),
  );
}

function patternRow(run, pattern, arms, counts, state) {
  const latest = pattern.rounds?.at(-1);
  return el(
    "tr",
    { class: pattern.id === state.id ? "chosen" : "" },
    el("td", {}, el("a", { href: link({ view: "patterns", id: pattern.id }) }, el("b", {}, pattern.name)), pattern.filtered && el("small", {}, " filtered out"), el("br"), el("small", { class: "brief", title: pattern.description }, pattern.description)),
    el("td", { class: "n" }, latest ? percent(latest.share) : "–"),
    arms.map(({ name }) => {
      const found = counts.get(`${pattern.id} ${name}`) ?? 0;
      const list = link({ view: "conversations", pattern: pattern.id, arm: name, split: "test" });
      return el("td", { class: "n" }, found ? el("a", { href: list }, number(found)) : "–");
    }),
  );
}

function opened(run, pattern) {
  const rows = run.where((row) => run.patternId(row) === pattern.id && run.kindName(row) !== "rollout");
  const read = rows.filter((row) => run.kindName(row) !== "test");
  const kinds = Object.entries(pattern.kinds ?? {}).map(([kind, times]) => `${words(kind)} ${times}`);
  return el(
    "section",
    { class: "opened" },
    el("h3", {}, pattern.name),
    el("p", {}, pattern.description),
    kinds.length > 0 && el("p", { class: "soft" }, kinds.join(" · ")),
    el(
      "p",
      {},
      el("a", { href: link({ view: "conversations", pattern: pattern.id }) }, `all ${number(rows.length)} conversations`),
      " · ",
      el("a", { href: link({ view: "lineage", id: pattern.id }) }, "lineage: tasks made for it, and what came of them"),
    ),
    failureList(run, read.length ? read : rows, { pattern: pattern.id }),
  );
}

// Failures as lines: a sign that leads to the conversation, and what went wrong.
export function failureList(run, rows, state = {}) {
  return el(
    "ul",
    { class: "failures" },
    rows.slice(0, MOST).map((row) => el("li", {}, chip(run, row, { state }), " ", el("b", {}, words(run.about.mistakes[run.mistake[row]])), " ", run.title(row), " ", el("small", {}, run.armLabel(row)))),
    rows.length > MOST && el("li", { class: "soft" }, `and ${number(rows.length - MOST)} more`),
  );
}

// The arms that were evaluated on test tasks, in the order of the report.
export function testArms(run) {
  const test = run.about.kinds.indexOf("test");
  const seen = new Set();
  for (let row = 0; row < run.size; row += 1) if (run.kind[row] === test) seen.add(run.arm[row]);
  const found = run.about.arms.filter((_, place) => seen.has(place));
  const order = run.about.order;
  return found.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

function failuresByArm(run) {
  const counts = new Map();
  for (let row = 0; row < run.size; row += 1) {
    if (run.success[row] || run.uncounted[row] || run.kindName(row) !== "test") continue;
    const key = `${run.patternId(row)} ${run.about.arms[run.arm[row]].name}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
