// One chain: failure, pattern, targeted tasks with their proofs, rollouts over training steps, and
// test tasks before and after.

import { link } from "./address.js";
import { curve } from "./charts.js";
import { chip } from "./conversation.js";
import { el, number, percent, words } from "./dom.js";
import { failureList, testArms } from "./patterns.js";
import { share } from "./training.js";

const MOST = 25; // tasks shown at a station

// id: of a conversation, a pattern, or a task.
export function lineageView(run, pool, state) {
  const chain = chainOf(run, pool, state.id ?? "");
  if (!chain) return chooser(run, state.id);
  return el(
    "div",
    { class: "page lineage" },
    el("h2", {}, "Lineage"),
    station("Failure", `${number(chain.failures.length)} failed ${chain.failures.length === 1 ? "conversation" : "conversations"}`, failureList(run, chain.failures)),
    station("Pattern", "", patternView(run, chain.pattern)),
    station("Targeted tasks", `${number(chain.tasks.length)} passed all gates, ${number(chain.refused.length)} candidates were refused`, tasksView(run, chain)),
    station("Rollouts in training", `${number(chain.rollouts.length)} on these tasks`, rolloutsView(run, chain.rollouts)),
    station("Test tasks, before and after", "each task that an arm failed in this way", testView(run, chain.pattern)),
  );
}

function station(title, note, ...content) {
  return el("section", { class: "station" }, el("h3", {}, title, note && el("small", {}, ` ${note}`)), content);
}

function chooser(run, id) {
  return el(
    "div",
    { class: "page" },
    el("h2", {}, "Lineage"),
    id && el("p", { class: "empty" }, `No pattern is known of ${id}.`),
    el("p", { class: "soft" }, "From a failure to its pattern, to the tasks made for it, to what training on them came to."),
    el("ul", { class: "failures" }, run.about.patterns.map((pattern) => el("li", {}, el("a", { href: link({ view: "lineage", id: pattern.id }) }, pattern.name), " ", el("small", {}, pattern.description)))),
  );
}

function chainOf(run, pool, id) {
  const row = run.byId.get(id);
  const made = pool.tasks.find((task) => task.id === id);
  const pattern = run.patterns.has(id) ? id : made ? made.pattern : row !== undefined ? patternOf(run, pool, row) : "";
  if (!pattern) return null;
  const failed = run.where((one) => run.patternId(one) === pattern && run.kindName(one) !== "test" && run.kindName(one) !== "rollout");
  const tasks = pool.tasks.filter((task) => (made ? task.id === id : task.pattern === pattern));
  const own = made ? failed.filter((one) => run.id[one] === made.origin.trajectory_id) : row !== undefined ? [row] : failed;
  const mine = row !== undefined ? tasks.filter((task) => task.origin.trajectory_id === id) : tasks;
  const ids = new Set((mine.length ? mine : tasks).map((task) => task.id));
  const of = (kind) => run.where((one) => run.kindName(one) === kind && ids.has(run.taskId(one)));
  return {
    pattern,
    failures: own,
    tasks: mine.length ? mine : tasks,
    refused: pool.refused.filter((one) => one.pattern === pattern),
    proofs: of("proof"),
    rollouts: of("rollout"),
  };
}

// The pattern of a failure, or the one that a conversation's task was made for.
function patternOf(run, pool, row) {
  return run.patternId(row) || pool.tasks.find((task) => task.id === run.taskId(row))?.pattern || "";
}

function patternView(run, id) {
  const pattern = run.patterns.get(id);
  if (!pattern) return el("p", {}, id);
  const kinds = Object.entries(pattern.kinds ?? {}).map(([kind, times]) => `${words(kind)} ${times}`);
  return [el("p", {}, el("a", { href: link({ view: "patterns", id }) }, el("b", {}, pattern.name)), ` ${pattern.description}`), kinds.length > 0 && el("p", { class: "soft" }, kinds.join(" · "))];
}

function tasksView(run, { tasks, proofs, rollouts }) {
  return el(
    "ul",
    { class: "failures" },
    tasks.slice(0, MOST).map((task) => {
      const own = proofs.filter((row) => run.taskId(row) === task.id);
      const tried = rollouts.filter((row) => run.taskId(row) === task.id);
      return el(
        "li",
        {},
        el("a", { href: link({ view: "pool", id: task.id }) }, run.short(task.scenario.reason) || task.id),
        el("small", {}, ` ${Object.keys(task.gates).length} gates`),
        own.length > 0 && [el("small", {}, " proof "), own.slice(0, 3).map((row) => chip(run, row))],
        tried.length > 0 && el("small", {}, ` rollouts ${percent(share(run, tried))} of ${tried.length}`),
      );
    }),
    tasks.length > MOST && el("li", { class: "soft" }, `and ${number(tasks.length - MOST)} more`),
    tasks.length === 0 && el("li", { class: "soft" }, "none: the pattern got no task"),
  );
}

function rolloutsView(run, rows) {
  if (!rows.length) return el("p", { class: "soft" }, "None of these tasks was drawn in training, or there was none.");
  const arms = new Map();
  for (const row of rows) arms.set(run.arm[row], [...(arms.get(run.arm[row]) ?? []), row]);
  return [...arms].map(([arm, own]) => {
    const { name, label } = run.about.arms[arm];
    const steps = [...new Set(own.map((row) => run.step[row]))].sort((a, b) => a - b);
    const points = steps.map((step) => ({ step, value: share(run, own.filter((row) => run.step[row] === step)), href: link({ view: "training", arm: name, step }) }));
    return el("div", {}, curve(`${label}: success on these tasks`, points, { low: 0, high: 1 }), el("p", { class: "by-step" }, steps.map((step) => el("span", { class: "arm-trials" }, el("small", {}, `step ${step}`), own.filter((row) => run.step[row] === step).map((row) => chip(run, row))))));
  });
}

function testView(run, pattern) {
  const arms = testArms(run);
  const test = run.about.kinds.indexOf("test");
  const rows = run.where((row) => run.kind[row] === test);
  const tasks = [...new Set(rows.filter((row) => run.patternId(row) === pattern).map((row) => run.task[row]))];
  if (!tasks.length) return el("p", { class: "soft" }, "No test failure is of this pattern, or none was diagnosed.");
  const names = arms.map(({ name }) => run.about.arms.findIndex((arm) => arm.name === name));
  const own = new Map(tasks.map((task) => [task, rows.filter((row) => run.task[row] === task)]));
  return el(
    "div",
    { class: "wide" },
    el(
      "table",
      {},
      el("thead", {}, el("tr", {}, el("th", {}, `${number(tasks.length)} tasks`), arms.map(({ label }) => el("th", {}, label)))),
      el(
        "tbody",
        {},
        el("tr", {}, el("td", {}, el("b", {}, "solved")), names.map((arm) => el("td", {}, el("b", {}, percent(share(run, [...own.values()].flat().filter((row) => run.arm[row] === arm))))))),
        tasks.slice(0, MOST).map((task) => el("tr", {}, el("td", {}, run.title(own.get(task)[0])), names.map((arm) => el("td", {}, own.get(task).filter((row) => run.arm[row] === arm).map((row) => mark(run, row, pattern)))))),
      ),
    ),
  );
}

// A chip, underlined where the failure is of the pattern.
function mark(run, row, pattern) {
  const element = chip(run, row);
  if (run.patternId(row) === pattern) element.classList.add("of-pattern");
  return element;
}

