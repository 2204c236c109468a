// Words of a diagnosis that are quoted from the conversation, found again in it.

const LEAST = 8; // characters: shorter quotes are found everywhere

// The quoted passages of an evidence, longest first.
export function quotes(evidence) {
  const quoted = [...evidence.matchAll(/(?:^|[\s(:])['"“‘](.+?)['"”’](?=$|[\s.,;:)])/gs)].map(([, inside]) => inside);
  const found = [evidence, ...quoted].map((one) => one.trim().replace(/(…|\.\.\.)$/, "").trim());
  return [...new Set(found)].filter((one) => one.length >= LEAST).sort((a, b) => b.length - a.length);
}

// The text as nodes, with the quoted passages and all of the searched words marked.
export function marked(text, quoted, searched = []) {
  const spans = [...spansOf(text, quoted, "evidence"), ...spansOf(text, searched, "searched")];
  if (quoted.length && text.length >= LEAST && quoted[0].includes(text.trim())) {
    spans.push({ start: 0, end: text.length, kind: "evidence" });
  }
  spans.sort((a, b) => a.start - b.start || b.end - a.end);
  const nodes = [];
  let at = 0;
  for (const { start, end, kind } of spans) {
    if (start < at) continue;
    if (start > at) nodes.push(text.slice(at, start));
    const mark = document.createElement("mark");
    mark.className = kind;
    mark.textContent = text.slice(start, end);
    nodes.push(mark);
    at = end;
  }
  if (at < text.length) nodes.push(text.slice(at));
  return nodes;
}

function spansOf(text, needles, kind) {
  const lower = text.toLowerCase();
  const spans = [];
  for (const needle of needles) {
    const wanted = needle.toLowerCase();
    for (let at = lower.indexOf(wanted); at >= 0; at = lower.indexOf(wanted, at + wanted.length)) {
      spans.push({ start: at, end: at + wanted.length, kind });
    }
  }
  return spans;
}
