// Curves by training step, as SVG; each point can be a link.

import { drawn, el, number } from "./dom.js";

const FINE = 0.1; // smaller numbers are written with two significant digits,
const TINY = 0.001; // and those as powers of ten

const WIDTH = 460;
const HEIGHT = 150;
const EDGE = { left: 58, right: 8, top: 10, bottom: 20 };

// points: [{ step, value, href, chosen }]; low and high bound the axis where they are given.
export function curve(title, points, { low, high } = {}) {
  const values = points.map(({ value }) => value).filter(Number.isFinite);
  const steps = points.map(({ step }) => step);
  if (!values.length || new Set(steps).size < 2) return null;
  const bounds = { low: low ?? Math.min(...values), high: high ?? Math.max(...values) };
  if (bounds.low === bounds.high) bounds.high = bounds.low + 1;
  const first = Math.min(...steps);
  const last = Math.max(...steps);
  const x = (step) => EDGE.left + ((WIDTH - EDGE.left - EDGE.right) * (step - first)) / (last - first || 1);
  const y = (value) => HEIGHT - EDGE.bottom - ((HEIGHT - EDGE.top - EDGE.bottom) * (value - bounds.low)) / (bounds.high - bounds.low);
  const known = points.filter(({ value }) => Number.isFinite(value));
  const path = known.map(({ step, value }, place) => `${place ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  const axis = [bounds.low, bounds.high].map((value) => [
    drawn("line", { class: "grid", x1: EDGE.left, x2: WIDTH - EDGE.right, y1: y(value), y2: y(value) }),
    drawn("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end" }, short(value)),
  ]);
  const ends = [first, last].map((step, place) => drawn("text", { x: x(step), y: HEIGHT - 4, "text-anchor": place ? "end" : "start" }, place ? String(step) : `step ${step}`));
  return el(
    "figure",
    { class: "curve" },
    el("figcaption", {}, title),
    drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title }, axis, ends, drawn("path", { class: "line", d: path }), known.map((point) => dot(point, x(point.step), y(point.value), title))),
  );
}

function dot({ step, value, href, chosen }, cx, cy, title) {
  const says = `step ${step}: ${title} ${short(value)}`;
  const circle = drawn("circle", { class: chosen ? "point chosen" : "point", cx, cy, r: chosen ? 5 : 3 }, drawn("title", {}, says));
  if (!href) return circle;
  const reach = drawn("circle", { class: "reach", cx, cy, r: 9 });
  return drawn("a", { href, "aria-label": says }, circle, reach);
}

// A number that fits beside an axis: "0.87", "−0.038", "1.6e−4".
function short(value) {
  const size = Math.abs(value);
  if (!size || size >= FINE) return number(value);
  const text = size < TINY ? value.toExponential(1) : String(Number(value.toPrecision(2)));
  return text.replaceAll("-", "−");
}
