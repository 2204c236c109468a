// The turns of a conversation: what was said, calls with their arguments, results folded.

import { el } from "./dom.js";
import { marked } from "./evidence.js";
import { tokensView } from "./tokens.js";

const NAMES = { user: "user", assistant: "agent", tool: "result", system: "system" };
const SHORT = 110; // characters of a result that are shown while it is folded

// decisive: the number of the decisive turn, or -1. quoted, searched: passages to mark. tokens: those
// of turns by number, which are shown in place of what they say.
export function messagesView(messages, { decisive, quoted, searched, open, tokens }) {
  const called = new Map();
  return el(
    "ol",
    { class: "messages" },
    messages.map((message, turn) => {
      for (const call of message.calls) called.set(call.id, call.name);
      const marks = (text) => marked(text, quoted, searched);
      const isDecisive = turn === decisive;
      const sampled = tokens?.get(turn);
      const body = sampled ? tokensView(sampled) : bodyOf(message, called, marks, open || isDecisive);
      return el(
        "li",
        { class: `message ${message.role}${isDecisive ? " decisive" : ""}${message.isError ? " error" : ""}`, id: `turn-${turn}`, tabindex: "-1" },
        el("span", { class: "number" }, String(turn)),
        el("span", { class: "who" }, message.byUser ? `user's ${NAMES[message.role]}` : NAMES[message.role] ?? message.role),
        el("div", { class: "body" }, isDecisive && el("strong", { class: "flag" }, "decisive turn"), body),
      );
    }),
  );
}

function bodyOf(message, called, marks, open) {
  if (message.role === "tool") return resultView(message, called.get(message.answers), marks, open);
  const said = message.text && el("div", { class: "said" }, marks(message.text));
  const calls = message.calls.map((call) => callView(call, marks));
  return [said, calls, !said && !calls.length && el("span", { class: "soft" }, "(nothing)")];
}

export function callView(call, marks = (text) => [text]) {
  const given = argumentsOf(call.given);
  const pairs = given.map(([name, value]) =>
    el("div", { class: "argument" }, el("span", { class: "soft" }, name, " "), marks(value)),
  );
  return el("div", { class: "call" }, el("b", {}, marks(call.name)), pairs);
}

function argumentsOf(json) {
  let given;
  try {
    given = JSON.parse(json);
  } catch {
    return [["", json]]; // no JSON, such as NaN: as it is
  }
  return Object.entries(given).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
}

function resultView(message, name, marks, open) {
  const full = indented(message.text);
  const isShort = message.text.length <= SHORT && !message.text.includes("\n");
  const label = message.isError ? "error" : "";
  if (isShort) return el("div", { class: "result" }, label && el("b", {}, `${label} `), marks(message.text || "(empty)"));
  return el(
    "details",
    { class: "result", open },
    el("summary", {}, label && el("b", {}, `${label} `), name && el("span", { class: "soft" }, `${name} · `), el("span", { class: "short" }, message.text.slice(0, SHORT))),
    el("pre", {}, marks(full)),
  );
}

function indented(text) {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 1);
  } catch {
    return text; // begins like JSON and is none
  }
}
