// Shows a message as Markdown, also while it is still growing.
// Knows nothing about turns; the Markdown reader comes with the first message, not with the page.
import { patchChildren } from "./patch.js";

let reader = null; // the module, once it has come

// Where it does not come (the line is down, or the server has another version by now) a text stays
// as it is, and the next one asks for it again.
const loadReader = () =>
  import("./markdown.js").then((module) => (reader = module)).catch(() => null);

// Tables and code have come, maybe later than the turn they are in.
const tell = (place) => place.dispatchEvent(new Event("westlake:drawn", { bubbles: true }));

export function showMarkdown(place, text) {
  place.textContent = text;
  const draw = () => {
    place.replaceChildren(reader.markdown(text));
    tell(place);
  };
  if (reader) draw();
  else loadReader().then((loaded) => loaded && draw());
}

// Between two drawings lies this time, and more where drawing takes long: the person may be
// writing, and somebody else may need the processor.
const PAUSE_MS = 80;
const PAUSE_OF_COST = 6;

const withNewlines = (text) => text.replace(/\r\n?/g, "\n");

// Blocks that have ended are drawn once. Only the last one is read again as it grows, and of that
// only what has changed is drawn, so that the work of a piece hardly grows with the answer.
export class AnswerText {
  #place;
  #tail = document.createElement("div");
  #latest;
  #told = () => {};
  #settled = 0; // characters whose blocks stand before the tail
  #known = {}; // what those blocks said about links and headings
  #timer = null;
  #pause = PAUSE_MS;

  constructor(place, text = "") {
    this.#place = place;
    this.#latest = withNewlines(text);
    this.#tail.className = "stream-tail";
    place.replaceChildren(this.#tail);
    if (reader) this.#draw();
    else {
      this.#tail.textContent = this.#latest;
      loadReader().then(() => this.#later());
    }
  }

  // `text` is all there is so far; `told` is called when it has been drawn.
  write(text, told) {
    this.#latest = withNewlines(text);
    this.#told = told;
    this.#later();
  }

  // Nothing more will come.
  async end() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!reader) {
      this.#tail.textContent = this.#latest;
      if (!(await loadReader())) return;
    }
    this.#tail.replaceWith(reader.markdown(this.#settle(), { known: this.#known }));
    // A link's address may stand below its name, where blocks drawn earlier could not know it.
    const addresses = Object.keys(this.#known.references ?? {});
    if (addresses.length) this.#place.replaceChildren(reader.markdown(this.#latest));
    tell(this.#place);
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const begun = performance.now();
      if (reader) this.#draw();
      else this.#tail.textContent = this.#latest;
      this.#told();
      this.#pause = Math.max(PAUSE_MS, PAUSE_OF_COST * (performance.now() - begun));
    }, this.#pause);
  }

  #draw() {
    const rest = this.#settle();
    const known = { ...this.#known, references: { ...this.#known.references } };
    patchChildren(this.#tail, reader.markdown(rest, { known, growing: true }));
  }

  // Draws the blocks that have ended; what comes after them is returned.
  #settle() {
    const rest = this.#latest.slice(this.#settled);
    const end = reader.endedBlocks(rest);
    if (end) this.#tail.before(reader.markdown(rest.slice(0, end), { known: this.#known }));
    this.#settled += end;
    return rest.slice(end);
  }
}
