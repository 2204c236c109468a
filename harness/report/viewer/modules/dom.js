// Elements of the page. Text only ever becomes text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

export function el(name, given = {}, ...children) {
  return filled(document.createElement(name), given, children);
}

export function drawn(name, given = {}, ...children) {
  return filled(document.createElementNS(SVG, name), given, children);
}

export function replace(element, ...children) {
  element.replaceChildren(...present(children));
}

function filled(element, given, children) {
  for (const [key, value] of Object.entries(given)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...present(children));
  return element;
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

// What stands in the place of something that a damaged file does not give any more.
export function unreadable(what, error) {
  return el("p", { class: "empty unreadable", role: "alert" }, `${what} cannot be read: ${error.message}. Write the page again with harness report.`);
}

// "wrong_order" as "wrong order".
export function words(name) {
  return String(name).replaceAll("_", " ");
}

export function number(value, digits = 2) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en").replace("-", "−");
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) ? `−${text}` : text;
}

export function percent(share) {
  return share === null || share === undefined || Number.isNaN(share) ? "–" : `${(100 * share).toFixed(0)}%`;
}

// A term with its description, in a <dl>; nothing without one.
export function fact(name, ...value) {
  return value.length && value[0] !== "" ? el("div", {}, el("dt", {}, name), el("dd", {}, ...value)) : null;
}
