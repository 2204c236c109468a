// A run as lists and filters see it: the index, one typed column for each property.

export class Run {
  constructor(index, manifest) {
    this.about = index;
    this.blockNames = manifest.blocks;
    this.tokenNames = manifest.tokens;
    this.poolName = manifest.pool;
    const columns = index.columns;
    this.size = columns.id.length;
    this.id = columns.id;
    for (const name of Object.keys(columns)) {
      if (name === "id") continue;
      this[name] = name === "total" ? Float64Array.from(columns[name]) : Int32Array.from(columns[name]);
    }
    this.patterns = new Map(index.patterns.map((pattern) => [pattern.id, pattern]));
    this.byId = new Map();
    for (let row = this.size - 1; row >= 0; row -= 1) this.byId.set(this.id[row], row);
    this.tags = tagsOf(index.tasks);
    this.opening = openingOf(index.tasks.map(([, about]) => about).filter(Boolean));
  }

  // The verdict as a word: "solved", "failed", or "uncounted" for what says nothing of the policy.
  verdict(row) {
    if (this.uncounted[row]) return "uncounted";
    return this.success[row] ? "solved" : "failed";
  }

  taskId(row) {
    return this.about.tasks[this.task[row]][0];
  }

  title(row) {
    const [id, about] = this.about.tasks[this.task[row]];
    return about ? this.short(about) : `task ${id}`;
  }

  // What a task is about, without what nearly all begin with.
  short(about) {
    return about.startsWith(this.opening) ? about.slice(this.opening.length) : about;
  }

  armLabel(row) {
    return this.about.arms[this.arm[row]].label;
  }

  kindName(row) {
    return this.about.kinds[this.kind[row]];
  }

  patternId(row) {
    return this.about.pattern_ids[this.pattern[row]];
  }

  patternName(id) {
    const pattern = this.patterns.get(id);
    return pattern ? pattern.name : id;
  }

  // The rows of all conversations on one task of one kind, in order.
  alike(row) {
    return this.where((other) => this.task[other] === this.task[row]);
  }

  where(holds) {
    const rows = [];
    for (let row = 0; row < this.size; row += 1) if (holds(row)) rows.push(row);
    return rows;
  }
}

// What nearly all texts begin with, up to a word's end: lists leave it out.
function openingOf(texts) {
  const sample = texts.length > 9 ? texts : [];
  let best = "";
  for (const end of (sample[0] ?? "").matchAll(/\s/g)) {
    const opening = sample[0].slice(0, end.index + 1);
    if (sample.filter((text) => text.startsWith(opening)).length < 0.9 * sample.length) break;
    best = opening;
  }
  return best.length > 9 ? best : "";
}

// The tags of tasks, the most frequent first, with those of each task by number.
function tagsOf(tasks) {
  const counts = new Map();
  for (const [, , tags] of tasks) for (const tag of tags) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  const names = [...counts.keys()].sort((a, b) => counts.get(b) - counts.get(a));
  const numbers = new Map(names.map((name, place) => [name, place]));
  return { names, ofTask: tasks.map(([, , tags]) => tags.map((tag) => numbers.get(tag))) };
}
