// Search in all that was said. The first search decodes every block; from then on the texts, in lower
// case and each once a block, are looked through in memory. A block that cannot be read is left out.

import { searched } from "./block.js";

export class Search {
  constructor(run, blocks) {
    this.run = run;
    this.blocks = blocks;
    this.done = 0;
    this.unread = 0; // conversations in blocks that cannot be read
    this.folded = run.blockNames.map(() => null);
    this.rowsOfBlock = run.blockNames.map(() => []);
    for (let row = 0; row < run.size; row += 1) this.rowsOfBlock[run.block[row]][run.place[row]] = row;
    this.heads = run.about.tasks.map(([id, about, tags]) => `${id}\n${about}\n${tags.join("\n")}`.toLowerCase());
  }

  get isReady() {
    return this.done === this.folded.length;
  }

  // Takes over what was read of an earlier state of the run.
  continueFrom(earlier) {
    const known = new Map(earlier.run.blockNames.map((name, number) => [name, earlier.folded[number]]));
    this.run.blockNames.forEach((name, number) => {
      if (!known.get(name)) return;
      this.folded[number] = known.get(name);
      this.done += 1;
    });
  }

  // Decodes what is not decoded yet, once; says how far it is.
  async prepare(progress) {
    if (this.isPreparing) return;
    this.isPreparing = true;
    const waiting = this.folded.map((_, number) => number).filter((number) => !this.folded[number]);
    const work = async () => {
      for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
        try {
          this.folded[number] = folded(await this.blocks.parts.part(this.run.blockNames[number]));
        } catch {
          this.unread += this.rowsOfBlock[number].length;
        }
        this.done += 1;
        progress?.(this.done / this.folded.length);
      }
    };
    await Promise.all([work(), work(), work(), work()]);
  }

  // A byte for each conversation, 1 where all words of the query occur; null for an empty query.
  hits(query) {
    const wanted = wordsOf(query);
    if (!wanted.length) return null;
    let all = null;
    for (const word of wanted) {
      const found = this.found(word);
      if (all) for (let row = 0; row < all.length; row += 1) all[row] &= found[row];
      else all = found;
    }
    return all;
  }

  found(word) {
    const { run } = this;
    const found = new Uint8Array(run.size);
    const heads = this.heads.map((head) => head.includes(word));
    for (let row = 0; row < run.size; row += 1) {
      if (heads[run.task[row]] || run.id[row].startsWith(word)) found[row] = 1;
    }
    this.folded.forEach((block, number) => block && mark(block, word, this.rowsOfBlock[number], found));
    return found;
  }
}

// Words, and phrases in double quotes, in lower case.
export function wordsOf(query) {
  const found = query.toLowerCase().matchAll(/"([^"]+)"?|(\S+)/g);
  return [...found].map(([, phrase, word]) => phrase ?? word).filter((word) => word !== '"');
}

function folded(block) {
  const starts = new Int32Array(block.texts.length + 1);
  const texts = block.texts.map((text, number) => {
    const lower = text.toLowerCase();
    starts[number + 1] = starts[number] + lower.length + 1;
    return lower;
  });
  const places = block.texts.map(() => []);
  searched(block).forEach((numbers, place) => numbers.forEach((number) => places[number].push(place)));
  return { text: texts.join("\u0000"), starts, places };
}

function mark(block, word, rows, found) {
  let at = block.text.indexOf(word);
  while (at >= 0) {
    const number = textAt(block.starts, at);
    for (const place of block.places[number]) found[rows[place]] = 1;
    at = block.text.indexOf(word, block.starts[number + 1]);
  }
}

// The last text that starts at or before a place.
function textAt(starts, at) {
  let low = 0;
  let high = starts.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (starts[middle] <= at) low = middle;
    else high = middle;
  }
  return low;
}
