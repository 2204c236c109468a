// The tokens of a conversation with their log-probabilities, once they are asked for.

import { el, number, replace } from "./dom.js";

const MOST = 6000; // tokens shown at a time

// tokens: { pieces: [text], sampled: [0 or 1], logprobs: [nats, null where not sampled] }.
export function tokensView(tokens) {
  const body = el("div", { class: "tokens" });
  const details = el("details", { class: "part" }, el("summary", {}, `Tokens (${number(tokens.pieces.length)})`, el("span", { class: "soft" }, " t")), body);
  details.addEventListener("toggle", () => {
    if (details.open && !body.childElementCount) replace(body, legend(tokens), piecesView(tokens));
  });
  details.dataset.tokens = "";
  return details;
}

function legend({ sampled, logprobs }) {
  const own = logprobs.filter((_, place) => sampled[place]);
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  return el("p", { class: "soft" }, `${number(own.length)} tokens were sampled, with ${number(mean, 3)} nats on average. The darker, the less likely.`);
}

function piecesView({ pieces, sampled, logprobs }) {
  return el(
    "div",
    { class: "pieces" },
    pieces.slice(0, MOST).map((piece, place) => {
      if (!sampled[place]) return el("span", { class: "given" }, piece);
      const chance = Math.exp(logprobs[place]);
      const shade = chance > 0.9 ? 0 : chance > 0.5 ? 1 : chance > 0.1 ? 2 : 3;
      return el("span", { class: `sampled shade-${shade}`, title: `${number(logprobs[place], 3)} nats, ${(100 * chance).toFixed(1)}%` }, piece);
    }),
    pieces.length > MOST && el("p", { class: "soft" }, `The first ${number(MOST)} of ${number(pieces.length)} tokens.`),
  );
}
