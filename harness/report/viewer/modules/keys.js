// Keys: what each does, and the dialog that says so.

import { el } from "./dom.js";

const KEYS = [
  ["j  k", "next, previous conversation of the list"],
  ["/", "search"],
  ["d", "to the decisive turn"],
  ["f", "open or fold all results"],
  ["t", "what the agent said as tokens with their probability, or as text"],
  ["c", "clear search and filters"],
  ["1 … 6", "overview, conversations, patterns, lineage, task pool, training"],
  ["Esc", "leave the search; back to the list"],
  ["?", "these keys"],
];

export function helpDialog() {
  const dialog = el("dialog", { id: "help", "aria-label": "Keys" }, el("h2", {}, "Keys"), el("table", {}, KEYS.map(([key, does]) => el("tr", {}, el("td", {}, el("kbd", {}, key)), el("td", {}, does)))), el("form", { method: "dialog" }, el("button", {}, "Close")));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}

// actions: a function for each key.
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches?.("input, select, textarea");
    if (isTyping && event.key !== "Escape") return;
    if (document.querySelector("dialog[open]") && event.key !== "?") return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  });
}
