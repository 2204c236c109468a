// The tokens that the agent sampled: each shaded by its probability, its number on demand.

import { el } from "./dom.js";

const BOUNDS = [0.9, 0.5, 0.2, 0.05, 0.01]; // probabilities; a token below more of them is darker

// The turns of a conversation by the number of their message; null if its tokens were not kept.
export async function tokensOf(blocks, run, row) {
  const name = run.tokenNames[run.block[row]];
  if (!name) return null;
  const part = await blocks.get(name);
  const turns = part.rows[run.place[row]];
  return turns && new Map(turns.map(([message, ...turn]) => [message, turnOf(part.tokens, turn)]));
}

function turnOf(known, [places, millinats, versions]) {
  let weights = -1;
  return places.map((place, number) => {
    while (versions[weights + 1]?.[0] <= number) weights += 1;
    const [id, text] = known[place];
    return { id, text, logprob: millinats[number] / 1000, version: versions[weights]?.[1] ?? "" };
  });
}

// What stands above the turns: what the shades mean, and the token that is looked at.
export function tokensLegend(turns) {
  const all = [...turns.values()].flat();
  const versions = [...new Set(all.map((token) => token.version))].filter(Boolean);
  const mean = all.reduce((sum, token) => sum + token.logprob, 0) / (all.length || 1);
  const shades = [...BOUNDS, 0].map((bound, level) => el("span", { class: `token p${level}` }, level < BOUNDS.length ? `≥ ${bound}` : `< ${BOUNDS.at(-1)}`));
  const weights = versions.length > 1 && ` · weights ${versions.join(", ")}: a bar where they change`;
  return el(
    "div",
    { class: "legend" },
    el("p", {}, "probability ", shades, el("span", { class: "soft" }, ` ${all.length} tokens, mean log-probability ${signed(mean)}`, weights)),
    el("output", { class: "looked-at" }, "Choose a token for its number."),
  );
}

// A turn as its tokens. Each can be chosen by mouse, touch and keyboard.
export function tokensView(tokens) {
  let before = tokens[0]?.version;
  return el(
    "div",
    { class: "tokens" },
    tokens.map((token) => {
      const changes = token.version !== before;
      before = token.version;
      const about = aboutOf(token);
      return el(
        "span",
        { class: `token p${level(token.logprob)}${changes ? " changes" : ""}`, tabindex: "0", title: about, onfocus: (event) => lookedAt(event.target, about) },
        shown(token.text),
      );
    }),
  );
}

function lookedAt(element, about) {
  element.closest(".told").querySelector(".looked-at").textContent = about;
}

function aboutOf({ id, text, logprob, version }) {
  const chance = Math.exp(logprob);
  const share = chance < 0.001 ? "< 0.1%" : `${(100 * chance).toFixed(1)}%`;
  return `${JSON.stringify(text)} · log-probability ${signed(logprob)} (${share}) · token ${id}${version ? ` · weights ${version}` : ""}`;
}

function signed(value) {
  return value.toFixed(3).replace("-", "−");
}

function level(logprob) {
  const chance = Math.exp(logprob);
  return BOUNDS.filter((bound) => chance < bound).length;
}

// Line breaks as a sign and a break; what is nothing by itself as a sign.
function shown(text) {
  return text.replaceAll("\n", "⏎\n") || "∅";
}
