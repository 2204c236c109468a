// The conversations: search, filters and list on one side, the open one on the other.

import { changed, FILTERS, go, link } from "./address.js";
import { badge, conversationView } from "./conversation.js";
import { el, number, replace, unreadable, words } from "./dom.js";
import { facets, filtered, ORDERS, SPLITS } from "./filters.js";
import { List } from "./list.js";
import { Search, wordsOf } from "./search.js";
import { tokensOf } from "./tokens.js";

const HEIGHT = 52; // pixels of a row, as in viewer.css

export class Browser {
  constructor(blocks) {
    this.blocks = blocks;
    this.shown = null; // which conversation is in the pane, and in what state
    this.list = new List(HEIGHT, (row) => this.rowView(row));
    this.query = el("input", { type: "search", placeholder: "Search all that was said  (/)", "aria-label": "Search", oninput: () => this.typed() });
    this.selects = Object.fromEntries(FILTERS.map((name) => [name, this.select(name)]));
    this.order = el("select", { "aria-label": "sort", onchange: () => go(this.state, { sort: this.order.value }, { replace: true }) }, Object.entries(ORDERS).map(([value, label]) => el("option", { value }, label)));
    this.counted = el("p", { class: "counted", role: "status" });
    this.pane = el("div", { class: "pane", tabindex: "-1" });
    const fold = el("details", { class: "filters" }, el("summary", {}, "Filters"), el("div", { class: "choices" }, Object.values(this.selects), this.order));
    fold.open = matchMedia("(min-width: 801px)").matches;
    this.element = el("div", { class: "browse" }, el("div", { class: "side" }, this.query, fold, this.counted, this.list.element), this.pane);
  }

  select(name) {
    return el("select", { "aria-label": name, "data-filter": name, onchange: (event) => go(this.state, { [name]: event.target.value }, { replace: true }) });
  }

  typed() {
    go(this.state, { q: this.query.value }, { replace: true });
  }

  // Another state of the same run, or another run: the lists are made anew.
  take(run) {
    const earlier = this.search;
    this.run = run;
    this.all = facets(run);
    this.search = new Search(run, this.blocks);
    if (earlier) this.search.continueFrom(earlier);
  }

  show(state) {
    this.state = state;
    if (this.query.value !== (state.q ?? "")) this.query.value = state.q ?? "";
    this.order.value = state.sort ?? "";
    this.update();
    this.open(state.conversation ?? "");
  }

  update() {
    const { state, run, search } = this;
    const query = state.q ?? "";
    if (query && !search.isPreparing) this.readOn();
    const { rows, counts } = filtered(run, this.all, state, query ? search.hits(query) : null);
    this.rows = rows;
    for (const name of FILTERS) this.fill(name, counts[name]);
    this.element.classList.toggle("chosen", Boolean(state.conversation));
    const some = rows.length === run.size ? "" : ` of ${number(run.size)}`;
    const solved = rows.filter((row) => run.success[row] && !run.uncounted[row]).length;
    const reading = query && !search.isReady ? ` · reading ${Math.round((100 * search.done) / search.folded.length)}%` : "";
    const unread = query && search.unread ? ` · ${number(search.unread)} cannot be read: the file is damaged` : "";
    const isFiltered = query || FILTERS.some((name) => state[name]);
    replace(this.counted, `${number(rows.length)}${some} conversations, ${number(solved)} solved${reading}${unread} `, isFiltered && el("a", { href: link({ view: "conversations", conversation: state.conversation }) }, "clear"));
    this.list.show(rows);
  }

  // Decodes all blocks for the search, and shows what was found on the way.
  readOn() {
    const search = this.search;
    let drawn = performance.now();
    const again = () => search === this.search && this.update();
    search.prepare(() => {
      if (performance.now() - drawn < 300 && !search.isReady) return;
      drawn = performance.now();
      again();
    });
  }

  fill(name, counts) {
    const facet = this.all[name];
    const chosen = this.state[name] ?? "";
    const numbers = new Map(facet.names.map((value, place) => [value, counts[place]]));
    const options = facet.choices
      .filter(([value]) => numbers.get(value) || value === chosen)
      .map(([value, label]) => el("option", { value }, `${label} (${number(numbers.get(value))})`));
    replace(this.selects[name], el("option", { value: "" }, `any ${facet.title}`), options);
    this.selects[name].value = chosen;
    this.selects[name].classList.toggle("set", Boolean(chosen));
    this.selects[name].hidden = facet.choices.length < 2 && !chosen;
  }

  rowView(row) {
    const { run, state } = this;
    const id = run.id[row];
    const what = words(run.about.mistakes[run.mistake[row]]);
    const where = run.step[row] ? `step ${run.step[row]}` : SPLITS[run.kindName(row)];
    return el(
      "a",
      { class: "row", href: changed(state, { conversation: id, turn: "" }), "aria-current": id === state.conversation && "true" },
      badge(run, row),
      el("span", { class: "title" }, run.title(row)),
      el("span", { class: "about" }, el("b", {}, run.armLabel(row)), ` ${where} · ${run.turns[row]} turns · ${number(run.total[row])}`, what && el("em", {}, ` ${what}`)),
    );
  }

  async open(id) {
    const { run, state } = this;
    const row = run.byId.get(id);
    const key = row === undefined ? id : [id, run.alike(row).length, run.mistake[row], run.patternId(row), state.tokens ?? "", state.q ?? ""].join(" ");
    if (key === this.shown) return;
    const isOther = this.shown?.split(" ")[0] !== id;
    this.shown = key;
    if (row === undefined) {
      replace(this.pane, el("p", { class: "empty" }, id ? `This run has no conversation ${id}.` : "Choose a conversation: j and k go through the list, ? shows all keys."));
      return;
    }
    const back = el("a", { class: "back", href: link({ ...state, conversation: "", view: "conversations" }) }, "‹ list");
    let told;
    let tokens = null;
    try {
      told = await this.blocks.conversation(run, row);
      if (state.tokens && run.sampled[row]) tokens = await tokensOf(this.blocks, run, row).catch((error) => error);
    } catch (error) {
      if (this.shown !== key) return;
      this.shown = null; // it is asked for again the next time
      replace(this.pane, back, unreadable(`Conversation ${id}`, error));
      return;
    }
    if (this.shown !== key) return;
    replace(this.pane, back, conversationView(run, row, told, { state, searched: wordsOf(state.q ?? ""), tokens }));
    const place = this.rows.indexOf(row);
    if (place >= 0) this.list.reveal(place);
    if (isOther) this.arrive(told, state);
  }

  // Where reading begins: at the turn of the address, else at the decisive one, else at the top.
  arrive(told, state) {
    this.pane.scrollTop = 0;
    const finding = told.findings.at(-1);
    const turn = state.turn ?? (matchMedia("(min-width: 801px)").matches ? finding?.turn : undefined);
    if (turn !== undefined && turn !== "" && turn >= 0) this.jump(turn);
    else if (this.pane.offsetParent && !this.pane.contains(document.activeElement)) window.scrollTo(0, 0);
  }

  jump(turn) {
    const element = this.pane.querySelector(`#turn-${Number(turn)}`);
    element?.scrollIntoView({ block: "center" });
    element?.classList.add("reached");
  }

  decisive() {
    const element = this.pane.querySelector(".message.decisive");
    element?.scrollIntoView({ block: "center" });
    return element;
  }

  // The conversation some places further in the list.
  step(by) {
    if (!this.rows?.length) return;
    const at = this.rows.indexOf(this.run.byId.get(this.state.conversation));
    const place = at < 0 ? (by > 0 ? 0 : this.rows.length - 1) : Math.min(this.rows.length - 1, Math.max(0, at + by));
    go(this.state, { conversation: this.run.id[this.rows[place]], turn: "" }, { replace: at >= 0 });
    this.list.reveal(place);
  }

  foldAll() {
    const folds = [...this.pane.querySelectorAll(".messages details")];
    const open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
  }
}
