// One conversation: verdict, diagnosis, changes, reward terms, task, and its turns.

import { link } from "./address.js";
import { changesView } from "./changes.js";
import { el, fact, number, percent, unreadable, words } from "./dom.js";
import { quotes } from "./evidence.js";
import { SPLITS } from "./filters.js";
import { callView, messagesView } from "./messages.js";
import { tokensLegend } from "./tokens.js";

const SIGNS = { solved: "✓", failed: "✗", uncounted: "○" };

export function badge(run, row) {
  const verdict = run.verdict(row);
  return el("span", { class: `badge ${verdict}`, title: verdict }, SIGNS[verdict]);
}

// tokens: what the agent sampled, by turn, where that is to be shown; an error if it cannot be read.
export function conversationView(run, row, told, { state, searched, tokens }) {
  const finding = told.findings.at(-1);
  const evidence = finding?.evidence ?? "";
  const decisive = finding && finding.turn >= 0 ? finding.turn : -1;
  const quoted = quotes(evidence);
  const aside = el(
    "aside",
    {},
    finding && findingView(run, row, finding, told),
    told.graded && section("Changes", !run.success[row], effectsOf(told, evidence)),
    section("Reward", !run.success[row], termsView(run, row, told.terms)),
    told.task && section("Task", false, taskView(told.task)),
    section("Details", false, detailsView(run, row, told)),
  );
  const isUnread = tokens instanceof Error;
  const legend = isUnread ? unreadable("The tokens of this conversation", tokens) : tokens && tokensLegend(tokens);
  const turns = told.messages
    ? messagesView(told.messages, { decisive, quoted, searched, open: false, tokens: isUnread ? null : tokens })
    : el("p", { class: "soft" }, "The text of this rollout was not kept. With keep_trajectories = true a run keeps it.");
  return el(
    "article",
    { class: "conversation" },
    headView(run, row, state),
    el("div", { class: "columns" }, aside, el("div", { class: "told" }, legend, turns)),
  );
}

function headView(run, row, state) {
  const verdict = run.verdict(row);
  const why = run.about.reasons[run.uncounted[row]];
  const facts = [
    run.armLabel(row),
    SPLITS[run.kindName(row)],
    run.step[row] ? `step ${run.step[row]}` : `trial ${run.trial[row] + 1}`,
    words(run.about.endings[run.ended[row]]),
    `${run.turns[row]} turns`,
    `${number(run.tokens[row])} tokens`,
    `reward ${number(run.total[row])}`,
  ];
  return el(
    "header",
    {},
    el("h2", {}, badge(run, row), " ", run.title(row)),
    el("p", { class: "facts" }, el("b", { class: verdict }, why ? `${verdict}: ${words(why)}` : verdict), facts.map((one) => [" · ", one]), tokensSwitch(run, row, state)),
    alikeView(run, row, state),
  );
}

// Shows what was said as tokens, or as text again; nothing where no tokens were kept.
function tokensSwitch(run, row, state) {
  if (!run.sampled[row]) return null;
  const isOn = Boolean(state.tokens);
  return [" · ", el("a", { class: "tokens-switch", href: link({ ...state, tokens: isOn ? "" : "1" }), "aria-pressed": String(isOn), role: "button" }, isOn ? "as text" : "as tokens"), el("span", { class: "soft" }, " t")];
}

// All conversations on the same task, by arm: a step from before to after.
function alikeView(run, row, state) {
  const rows = run.alike(row);
  if (rows.length < 2) return null;
  const groups = Map.groupBy ? Map.groupBy(rows, (one) => run.source[one]) : grouped(rows, (one) => run.source[one]);
  return el(
    "nav",
    { class: "alike", "aria-label": "The same task" },
    el("span", { class: "soft" }, "same task"),
    [...groups.values()].map((own) =>
      el("span", { class: "arm-trials" }, el("small", {}, run.armLabel(own[0])), own.slice(0, 16).map((one) => chip(run, one, { state, isHere: one === row }))),
    ),
  );
}

function grouped(rows, by) {
  const groups = new Map();
  for (const row of rows) groups.set(by(row), [...(groups.get(by(row)) ?? []), row]);
  return groups;
}

// A conversation as one sign that leads to it.
export function chip(run, row, { state = {}, isHere = false } = {}) {
  const verdict = run.verdict(row);
  const about = `${run.armLabel(row)}, ${run.step[row] ? `step ${run.step[row]}, ` : ""}trial ${run.trial[row] + 1}: ${verdict}`;
  return el(
    "a",
    { class: `chip ${verdict}`, href: link({ ...state, view: "", turn: "", conversation: run.id[row] }), title: about, "aria-label": about, "aria-current": isHere && "true" },
    SIGNS[verdict],
  );
}

function findingView(run, row, finding, told) {
  const { kind, severity, blame, turn, summary, evidence, tool } = finding;
  const excerpt = told.messages?.[turn];
  const pattern = run.patterns.get(finding.pattern);
  return el(
    "section",
    { class: "finding" },
    el("h3", {}, words(kind), el("small", {}, ` ${words(severity)} · ${words(blame)}${tool ? ` · ${tool}` : ""}`)),
    summary && el("p", {}, summary),
    evidence && el("blockquote", {}, evidence),
    !summary && el("p", { class: "soft" }, "Test conversations keep the kind of mistake alone."),
    excerpt && el("p", {}, el("button", { type: "button", "data-jump": String(turn) }, `decisive turn ${turn}`), " ", el("span", { class: "soft" }, "d")),
    pattern && el("p", {}, "pattern ", el("a", { href: link({ view: "patterns", id: pattern.id }) }, pattern.name), finding.assigned && el("small", {}, " by kind and tool")),
    el("p", {}, el("a", { href: link({ view: "lineage", id: run.id[row] }) }, "lineage: what was made of it")),
  );
}

function effectsOf(told, evidence) {
  const unsaid = told.unsaid.length > 0 && el("p", { class: "unsaid" }, "Never said: ", told.unsaid.map((text) => [el("q", {}, text), " "]));
  const parts = Object.entries(told.parts).map(([name, passed]) => [el("span", { class: passed ? "solved" : "failed" }, `${name} ${passed ? "✓" : "✗"}`), " "]);
  const open = told.unjudged.length > 0 && el("p", {}, "Not judged: ", told.unjudged.map((text) => [el("q", {}, text), " "]));
  return [told.ungradeable && el("p", {}, told.ungradeable), parts.length > 0 && el("p", {}, parts), changesView(told.wanted, told.actual, evidence), unsaid, open];
}

function termsView(run, row, terms) {
  const weights = run.about.weights;
  return el(
    "table",
    { class: "terms" },
    terms.map(({ name, value, note }) => {
      const worth = (weights[name] ?? NaN) * value;
      return el(
        "tr",
        { class: value === 0 ? "idle" : "", title: note },
        el("td", {}, words(name), note && value !== 0 && el("small", {}, note)),
        el("td", { class: "n" }, number(value)),
        el("td", { class: "n soft" }, name in weights ? `× ${number(weights[name])}` : ""),
        el("td", { class: `n ${worth < 0 ? "failed" : ""}` }, number(worth)),
      );
    }),
    el("tr", { class: "sum" }, el("td", {}, "reward"), el("td", {}), el("td", {}), el("td", { class: "n" }, number(run.total[row]))),
  );
}

export function taskView(task) {
  const prose = [["wants", task.reason], ["knows", task.known], ["does not know", task.unknown], ["instructions", task.instructions], ["persona", task.persona]];
  return [
    el("dl", { class: "prose" }, prose.map(([name, text]) => fact(name, text))),
    task.gold.length > 0 && el("div", {}, el("h4", {}, "calls that solve it"), task.gold.map((call) => callView(call))),
    task.communicate.length > 0 && el("p", {}, "to be said: ", task.communicate.map((text) => [el("q", {}, text), " "])),
    task.tags.length > 0 && el("p", { class: "soft" }, task.tags.map(words).join(" · ")),
  ];
}

function detailsView(run, row, told) {
  const used = Object.entries(told.usage).map(([role, [tokensIn, tokensOut, calls, cost]]) =>
    fact(words(role), `${number(tokensIn)} tokens in, ${number(tokensOut)} out, ${number(calls)} calls${cost ? `, $${cost}` : ""}`),
  );
  return el("dl", { class: "prose" }, fact("conversation", run.id[row]), fact("task", run.taskId(row)), fact("policy", told.policy), told.seed !== undefined && fact("seed", String(told.seed)), fact("fault", told.fault), used);
}

function section(title, open, content) {
  return el("details", { class: "part", open }, el("summary", {}, title), content);
}

export function solvedShare(run, rows) {
  const counted = rows.filter((row) => !run.uncounted[row]);
  return counted.length ? percent(counted.filter((row) => run.success[row]).length / counted.length) : "–";
}
