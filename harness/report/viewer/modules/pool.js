// The targeted tasks with what each gate measured, and the candidates that gates refused.

import { link } from "./address.js";
import { chip } from "./conversation.js";
import { el, fact, number, percent, words } from "./dom.js";
import { callView } from "./messages.js";
import { share } from "./training.js";

const MOST = 400; // tasks, and refusals, in one table

export function poolView(run, pool, state) {
  if (!pool.tasks.length && !pool.refused.length) return el("p", { class: "empty" }, "No tasks were made in this run, or not yet.");
  const chosen = pool.tasks.find(({ id }) => id === state.id);
  return el(
    "div",
    { class: "page" },
    el("h2", {}, "Task pool"),
    chosen && taskDetails(run, chosen),
    tasksTable(run, pool.tasks, state),
    refusalsView(pool.refused),
  );
}

function tasksTable(run, tasks, state) {
  const rollouts = rowsByTask(run, "rollout");
  const proofs = rowsByTask(run, "proof");
  const rows = tasks.slice(0, MOST).map((task) =>
    el(
      "tr",
      { class: task.id === state.id ? "chosen" : "" },
      el("td", {}, el("a", { href: link({ view: "pool", id: task.id }) }, run.short(task.scenario.reason) || task.id), task.vetoed && el("small", { class: "failed" }, ` vetoed ${task.veto_reason}`), el("br"), el("small", {}, task.tags.map(words).join(" · "))),
      el("td", {}, el("a", { href: link({ view: "lineage", id: task.pattern }) }, task.pattern_name || task.pattern)),
      el("td", { class: "n" }, String(task.round)),
      el("td", { class: "n" }, `${Object.keys(task.gates).length}`),
      el("td", { class: "n" }, (proofs.get(task.id) ?? []).slice(0, 3).map((row) => chip(run, row))),
      el("td", { class: "n" }, solvedOf(run, rollouts.get(task.id))),
    ),
  );
  return el(
    "div",
    { class: "wide" },
    el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, `${number(tasks.length)} tasks`), el("th", {}, "made for"), ["round", "gates passed", "proof", "rollouts solved"].map((name) => el("th", { class: "n" }, name)))), el("tbody", {}, rows)),
    tasks.length > MOST && el("p", { class: "soft" }, `The first ${number(MOST)} tasks.`),
  );
}

function solvedOf(run, rows) {
  return rows?.length ? `${percent(share(run, rows))} of ${rows.length}` : "–";
}

function rowsByTask(run, kind) {
  const found = new Map();
  for (const row of run.where((one) => run.kindName(one) === kind)) {
    const id = run.taskId(row);
    if (!found.has(id)) found.set(id, []);
    found.get(id).push(row);
  }
  return found;
}

export function taskDetails(run, task) {
  const { scenario, origin } = task;
  const failure = run.byId.get(origin.trajectory_id);
  return el(
    "section",
    { class: "opened" },
    el("h3", {}, scenario.reason || task.id),
    el("dl", { class: "prose" }, fact("id", task.id), fact("knows", scenario.known), fact("instructions", scenario.instructions), fact("persona", scenario.persona)),
    failure !== undefined && el("p", {}, "made for the failure ", chip(run, failure), " ", run.title(failure)),
    el("p", {}, el("a", { href: link({ view: "lineage", id: task.id }) }, "lineage")),
    el("h4", {}, "calls that solve it"),
    task.gold.map((call) => callView({ ...call, given: JSON.stringify(call.arguments) })),
    el("h4", {}, "gates"),
    el("table", { class: "gates" }, Object.entries(task.gates).map(([gate, measured]) => el("tr", {}, el("td", {}, "✓ ", words(gate)), el("td", {}, measuredView(measured))))),
  );
}

function measuredView(measured) {
  const said = Object.entries(measured).map(([name, value]) => `${words(name)} ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return el("span", { class: "soft" }, said.join(" · "));
}

function refusalsView(refused) {
  if (!refused.length) return null;
  const groups = new Map();
  for (const one of refused) {
    const key = `${one.gate}: ${one.reason}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const ranked = [...groups].sort(([, a], [, b]) => b.length - a.length);
  return el(
    "section",
    {},
    el("h3", {}, `${number(refused.length)} candidates refused`),
    ranked.map(([key, own]) =>
      el("details", { class: "part" }, el("summary", {}, `${words(key)} `, el("span", { class: "soft" }, number(own.length))), el("ul", { class: "failures" }, own.slice(0, 40).map((one) => el("li", {}, one.about, " ", measuredView(one.measured))))),
    ),
  );
}
