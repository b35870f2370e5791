// Renders a message as Markdown, also while it is being streamed. The Markdown renderer is loaded
// with the first message, not with the page.
import { patchChildren } from "./patch.js";

let reader = null; // the module, once it is loaded

// If loading fails (offline, or the server has a newer version), the text stays plain and the next
// message tries again.
const loadReader = () =>
  import("./markdown.js").then((module) => (reader = module)).catch(() => null);

// Announces new tables and code blocks, which may be rendered after their turn.
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

// Minimum time between two renderings; longer where rendering is slow, so that the page stays
// responsive.
const PAUSE_MS = 80;
const PAUSE_OF_COST = 6;

const withNewlines = (text) => text.replace(/\r\n?/g, "\n");

// Finished blocks are rendered once. Only the last block is parsed again as it grows, and only
// changed nodes are replaced, so the cost per chunk hardly grows with the answer.
export class AnswerText {
  #place;
  #tail = document.createElement("div");
  #latest;
  #told = () => {};
  #settled = 0; // characters whose blocks are rendered before the tail
  #known = {}; // link references and open headings of those blocks
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

  // `text` is the whole text so far; `onRender` is called after it has been rendered.
  write(text, told) {
    this.#latest = withNewlines(text);
    this.#told = told;
    this.#later();
  }

  // Renders the final text.
  async end() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!reader) {
      this.#tail.textContent = this.#latest;
      if (!(await loadReader())) return;
    }
    this.#tail.replaceWith(reader.markdown(this.#settle(), { known: this.#known }));
    // A link reference may be defined below its use, where blocks rendered earlier could not
    // know it.
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

  // Renders the finished blocks and returns the rest of the text.
  #settle() {
    const rest = this.#latest.slice(this.#settled);
    const end = reader.endedBlocks(rest);
    if (end) this.#tail.before(reader.markdown(rest.slice(0, end), { known: this.#known }));
    this.#settled += end;
    return rest.slice(end);
  }
}
