// What the conversation changed against what was wanted, path by path.

import { el } from "./dom.js";

const STATES = {
  wrong: "changed to another value",
  missing: "wanted, not made",
  extra: "made, not wanted",
  right: "as wanted",
};

// Each path with its value before, as wanted and as made; what is not right comes first.
export function compared(wanted, actual) {
  const made = new Map(actual.map((change) => [change.path, change]));
  const asked = new Map(wanted.map((change) => [change.path, change]));
  const paths = [...new Set([...asked.keys(), ...made.keys()])];
  const rows = paths.map((path) => {
    const one = asked.get(path);
    const other = made.get(path);
    const state = !one ? "extra" : !other ? "missing" : one.after === other.after ? "right" : "wrong";
    return { path, state, before: (one ?? other).before, wanted: one?.after, actual: other?.after };
  });
  const order = Object.keys(STATES);
  return rows.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
}

export function changesView(wanted, actual, evidence) {
  const rows = compared(wanted, actual);
  if (!rows.length) return el("p", { class: "soft" }, "Nothing was to be changed, and nothing was.");
  const groups = new Map();
  for (const row of rows) {
    const key = `${row.state} ${parentOf(row.path)}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return el("div", { class: "changes" }, [...groups.values()].map((own) => groupView(own, evidence)));
}

function parentOf(path) {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

function groupView(rows, evidence) {
  const { state, path } = rows[0];
  const head = el("div", { class: "path" }, parentOf(path).replace(/\/$/, "") || "world", " ", el("small", {}, STATES[state]));
  return el("div", { class: `change ${state}` }, head, rows.map((row) => changeView(row, evidence)));
}

function changeView({ path, state, before, wanted, actual }, evidence) {
  const isQuoted = evidence.includes(path);
  const name = el(isQuoted ? "mark" : "span", { class: isQuoted ? "evidence" : "" }, path.slice(parentOf(path).length));
  const line = (kind, sign, value) => el("span", { class: kind }, ` ${sign} `, shown(value));
  const after = state === "right" ? [line("", "→", actual)] : [wanted !== undefined && line("wanted", "→ wanted", wanted), actual !== undefined && line("actual", "→ made", actual)];
  return el("div", {}, name, " ", el("span", { class: "was" }, shown(before)), after);
}

// A value, written as JSON, as it is read best.
function shown(json) {
  let value = json;
  try {
    value = JSON.parse(json);
  } catch {
    return el("code", {}, json); // no JSON, such as NaN: as it is
  }
  if (value === null) return el("code", { class: "none" }, "nothing");
  return el("code", {}, typeof value === "string" ? value : JSON.stringify(value));
}
