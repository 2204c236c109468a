// Training curves by arm; behind each point are the rollouts of its step.

import { link } from "./address.js";
import { curve } from "./charts.js";
import { chip } from "./conversation.js";
import { el, number } from "./dom.js";

const SHOWN = ["loss", "reward", "kl", "entropy", "tokens_per_turn"]; // of a trainer's metrics

export function trainingView(run, state) {
  const arms = trainedArms(run);
  if (!arms.length) return el("p", { class: "empty" }, "Nothing was trained in this run, or not yet.");
  return el(
    "div",
    { class: "page" },
    el("h2", {}, "Training"),
    el("p", { class: "soft" }, "A point is a step. Choose one to see its rollouts."),
    arms.map((name) => armView(run, name, state)),
  );
}

function trainedArms(run) {
  const names = run.about.training.map(({ arm }) => arm);
  for (const source of run.about.sources) if (source.startsWith("training ")) names.push(source.slice("training ".length));
  return [...new Set(names)];
}

function armView(run, name, state) {
  const record = run.about.training.find(({ arm }) => arm === name) ?? {};
  const source = run.about.sources.indexOf(`training ${name}`);
  const rows = source < 0 ? [] : run.where((row) => run.source[row] === source);
  const steps = byStep(run, rows);
  const chosen = state.arm === name ? Number(state.step) : NaN;
  const point = (step, value) => ({ step, value, chosen: step === chosen, href: steps.has(step) ? link({ view: "training", arm: name, step }) : null });
  const success = [...steps].map(([step, own]) => point(step, share(run, own)));
  const reward = [...steps].map(([step, own]) => point(step, mean(own.map((row) => run.total[row]))));
  const metrics = (steps.size ? SHOWN.filter((metric) => metric !== "reward") : SHOWN).map((metric) => [metric, metricOf(record.curve ?? [], metric)]);
  const label = run.about.arms.find((arm) => arm.name === name)?.label ?? name;
  return el(
    "section",
    {},
    el("h3", {}, label, record.stopped_because && el("small", {}, ` stopped: ${record.stopped_because}`)),
    el(
      "div",
      { class: "curves" },
      curve("success of rollouts", success, { low: 0, high: 1 }),
      curve("reward of rollouts", reward),
      metrics.map(([metric, points]) => curve(metric.replaceAll("_", " "), points.map(({ step, value }) => point(step, value)))),
    ),
    steps.has(chosen) && stepView(run, label, chosen, steps.get(chosen)),
  );
}

function byStep(run, rows) {
  const steps = new Map();
  for (const row of rows) steps.set(run.step[row], [...(steps.get(run.step[row]) ?? []), row]);
  return new Map([...steps].sort(([a], [b]) => a - b));
}

function metricOf(points, metric) {
  return points.filter((point) => typeof point[metric] === "number").map((point, place) => ({ step: point.step ?? place, value: point[metric] }));
}

function stepView(run, label, step, rows) {
  const groups = new Map();
  for (const row of rows) groups.set(run.group[row], [...(groups.get(run.group[row]) ?? []), row]);
  return el(
    "div",
    { class: "opened step", id: "step" },
    el("h4", {}, `${label}, step ${step}: ${number(rows.length)} rollouts on ${number(groups.size)} tasks`),
    el(
      "ul",
      { class: "failures" },
      [...groups.values()].map((own) =>
        el("li", {}, own.map((row) => chip(run, row)), " ", run.title(own[0]), " ", el("small", {}, `mean reward ${number(mean(own.map((row) => run.total[row])))}`)),
      ),
    ),
  );
}

export function share(run, rows) {
  const counted = rows.filter((row) => !run.uncounted[row]);
  return counted.length ? counted.filter((row) => run.success[row]).length / counted.length : NaN;
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
