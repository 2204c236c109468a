// Blocks of conversations: fetched once they are needed, and their rows as objects.

const KEPT = 12; // blocks that stay decoded

const ROLES = { s: "system", u: "user", a: "assistant", t: "tool" };

export class Blocks {
  constructor(parts) {
    this.parts = parts;
    this.decoded = new Map();
  }

  // A promise of the block; the latest ones are kept.
  get(name) {
    const found = this.decoded.get(name) ?? this.parts.part(name);
    this.decoded.delete(name);
    this.decoded.set(name, found);
    found.catch(() => this.decoded.delete(name)); // a server may give it the next time
    if (this.decoded.size > KEPT) this.decoded.delete(this.decoded.keys().next().value);
    return found;
  }

  async conversation(run, row) {
    const block = await this.get(run.blockNames[run.block[row]]);
    return conversationOf(block, run.place[row]);
  }
}

export function conversationOf(block, place) {
  const row = block.rows[place];
  const text = (number) => (number < 0 || number === undefined ? "" : block.texts[number]);
  const task = block.tasks[row.task];
  return {
    task: task && taskOf(task, text),
    messages: row.messages && row.messages.map((message) => messageOf(message, text)),
    terms: row.terms.map(([name, value, note]) => ({ name: text(name), value, note: text(note) })),
    wanted: changesOf(row.wanted, text),
    actual: changesOf(row.actual, text),
    graded: row.wanted !== undefined,
    unsaid: (row.unsaid ?? []).map(text),
    unjudged: (row.unjudged ?? []).map(text),
    ungradeable: text(row.ungradeable),
    parts: row.parts ?? {},
    findings: (row.findings ?? []).map((found) => findingOf(found, text)),
    usage: row.usage ?? {},
    policy: text(row.policy),
    seed: row.seed,
    fault: text(row.fault),
  };
}

function messageOf([role, content, calls, answers = -1, isError = 0, requestor = 0], text) {
  return {
    role: ROLES[role] ?? role,
    text: text(content),
    calls: (calls || []).map((call) => callOf(call, text)),
    answers: text(answers),
    isError: Boolean(isError),
    byUser: requestor === "u",
  };
}

function callOf([name, given, id], text) {
  return { name: text(name), given: text(given), id: text(id) };
}

function changesOf(changes, text) {
  return (changes ?? []).map(([path, before, after]) => ({
    path: text(path),
    before: text(before),
    after: text(after),
  }));
}

function findingOf(found, text) {
  const said = ["pattern", "blame", "kind", "summary", "evidence", "severity", "tool"];
  return { ...found, ...Object.fromEntries(said.map((name) => [name, text(found[name])])) };
}

function taskOf(task, text) {
  const told = ["id", "reason", "known", "unknown", "instructions", "persona"];
  return {
    ...Object.fromEntries(told.map((name) => [name, text(task[name])])),
    gold: task.gold.map((call) => callOf(call, text)),
    communicate: task.communicate.map(text),
    tags: task.tags.map(text),
    origin: task.origin === undefined ? null : JSON.parse(text(task.origin)),
  };
}

// What is searched in a block: the text numbers that each row's messages and findings refer to.
export function searched(block) {
  return block.rows.map((row) => {
    const found = new Set();
    for (const [, content, calls] of row.messages ?? []) {
      found.add(content);
      for (const [name, given] of calls || []) found.add(name).add(given);
    }
    for (const { summary, evidence } of row.findings ?? []) found.add(summary).add(evidence);
    return found;
  });
}
