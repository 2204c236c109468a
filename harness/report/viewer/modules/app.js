// The page: reads the run, shows the view that the address asks for, and follows a run that goes on.

import { go, link, read, viewOf } from "./address.js";
import { Blocks } from "./block.js";
import { Browser } from "./browse.js";
import { el, replace, unreadable } from "./dom.js";
import { helpDialog, listen } from "./keys.js";
import { lineageView } from "./lineage.js";
import { FileParts, ServedParts } from "./parts.js";
import { patternsView } from "./patterns.js";
import { poolView } from "./pool.js";
import { Run } from "./run.js";
import { trainingView } from "./training.js";

const VIEWS = {
  overview: "Overview",
  conversations: "Conversations",
  patterns: "Patterns",
  lineage: "Lineage",
  pool: "Task pool",
  training: "Training",
};
const EVERY = 2000; // milliseconds between two looks at a run that goes on

class App {
  constructor(parts) {
    this.parts = parts;
    this.blocks = new Blocks(parts);
    this.browser = new Browser(this.blocks);
    this.overview = document.getElementById("overview");
    this.view = el("div", { id: "view" });
    this.help = helpDialog();
    this.links = Object.fromEntries(Object.entries(VIEWS).map(([view, label]) => [view, el("a", { href: link({ view }) }, label)]));
    this.status = el("span", { class: "status", role: "status" });
    const keys = el("button", { type: "button", class: "keys", onclick: () => this.help.showModal() }, "?");
    document.body.prepend(el("nav", { id: "views", "aria-label": "Views" }, Object.values(this.links), this.status, keys));
    document.body.append(this.browser.element, this.view, this.help);
  }

  async load() {
    const manifest = await this.parts.manifest();
    if (manifest.index === this.loaded?.index && manifest.pool === this.loaded?.pool) return false;
    this.run = new Run(await this.parts.part(manifest.index), manifest);
    this.pool = null;
    this.loaded = manifest;
    this.browser.take(this.run);
    return true;
  }

  async show() {
    const state = read();
    const view = viewOf(state);
    document.body.dataset.view = view;
    if (`${view} ${state.id}` !== this.shown) window.scrollTo(0, 0);
    this.shown = `${view} ${state.id}`;
    for (const [name, anchor] of Object.entries(this.links)) anchor.toggleAttribute("data-chosen", name === view);
    if (view === "conversations") this.browser.show(state);
    else if (view !== "overview") await this.showPage(view, state);
  }

  async showPage(view, state) {
    const { run } = this;
    const needsPool = view === "lineage" || view === "pool";
    try {
      if (needsPool) this.pool ??= await this.parts.part(run.poolName);
    } catch (error) {
      replace(this.view, unreadable("The task pool", error));
      return;
    }
    const pages = { patterns: patternsView, training: trainingView, lineage: lineageView, pool: poolView };
    const page = needsPool ? pages[view](run, this.pool, state) : pages[view]?.(run, state);
    replace(this.view, page ?? el("p", { class: "empty" }, `There is no view ${view}.`));
    if (state.step) this.view.querySelector(".step")?.scrollIntoView({ block: "nearest" });
  }

  // Looks for what is new, again and again.
  async follow() {
    try {
      if (await this.load()) {
        await this.parts.refresh(this.overview);
        await this.show();
      }
      this.status.textContent = this.run.about.complete ? "complete" : "live";
    } catch (error) {
      this.status.textContent = `not connected: ${error.message}`;
    }
    setTimeout(() => this.follow(), EVERY);
  }

  keys() {
    const inList = (act) => () => viewOf(read()) === "conversations" && act();
    const views = Object.keys(VIEWS).map((view, place) => [String(place + 1), () => go({}, { view })]);
    listen({
      ...Object.fromEntries(views),
      j: inList(() => this.browser.step(1)),
      k: inList(() => this.browser.step(-1)),
      d: inList(() => this.browser.decisive()),
      f: inList(() => this.browser.foldAll()),
      t: inList(() => go(read(), { tokens: read().tokens ? "" : "1" }, { replace: true })),
      c: inList(() => go({}, { view: "conversations", conversation: read().conversation })),
      "/": () => this.search(),
      "?": () => (this.help.open ? this.help.close() : this.help.showModal()),
      Escape: () => this.leave(),
    });
  }

  search() {
    if (viewOf(read()) !== "conversations") go({}, { view: "conversations" });
    this.browser.query.focus();
    this.browser.query.select();
  }

  leave() {
    const state = read();
    if (document.activeElement?.matches("input, select")) document.activeElement.blur();
    else if (state.conversation) go(state, { conversation: "", turn: "", view: "conversations" });
  }

  print() {
    const opened = [];
    window.addEventListener("beforeprint", () => {
      for (const fold of document.querySelectorAll("details:not([open])")) {
        fold.open = true;
        opened.push(fold);
      }
    });
    window.addEventListener("afterprint", () => {
      for (const fold of opened.splice(0)) fold.open = false;
    });
  }
}

async function start() {
  const isServed = document.documentElement.dataset.served !== undefined;
  const app = new App(isServed ? new ServedParts() : new FileParts());
  try {
    await app.load();
  } catch (error) {
    app.status.textContent = `The conversations cannot be read: ${error.message}`;
    throw error;
  }
  window.addEventListener("hashchange", () => app.show());
  document.addEventListener("click", (event) => {
    const turn = event.target.dataset?.jump;
    if (turn !== undefined) app.browser.jump(turn);
  });
  app.keys();
  app.print();
  await app.show();
  document.documentElement.dataset.ready = "";
  if (isServed) app.follow();
}

start();
