// A list of any length: only the rows in sight are elements.

const SPARE = 6; // rows made above and below

export class List {
  constructor(height, make) {
    this.height = height;
    this.make = make;
    this.rows = [];
    this.made = new Map();
    this.inner = document.createElement("div");
    this.inner.className = "rows";
    this.element = document.createElement("div");
    this.element.className = "list";
    this.element.append(this.inner);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  show(rows) {
    this.rows = rows;
    this.inner.style.height = `${rows.length * this.height}px`;
    this.redraw();
  }

  // Makes the rows in sight anew: what they show has changed.
  redraw() {
    this.made.clear();
    this.inner.replaceChildren();
    this.draw();
  }

  draw() {
    const { scrollTop, clientHeight } = this.element;
    const first = Math.max(0, Math.floor(scrollTop / this.height) - SPARE);
    const end = Math.min(this.rows.length, Math.ceil((scrollTop + clientHeight) / this.height) + SPARE);
    for (const [place, element] of this.made) {
      if (place >= first && place < end) continue;
      element.remove();
      this.made.delete(place);
    }
    for (let place = first; place < end; place += 1) {
      if (this.made.has(place)) continue;
      const element = this.make(this.rows[place], place);
      element.style.top = `${place * this.height}px`;
      this.made.set(place, element);
      this.inner.append(element);
    }
  }

  // Scrolls as little as it takes to have the row in sight.
  reveal(place) {
    const top = place * this.height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.element.scrollTop = top + this.height - clientHeight;
  }
}
