// Renders a message as Markdown, also while it is being streamed. The Markdown renderer is loaded
// with the first message, not with the page.
import { patchChildren } from "./patch.js";

let renderer = null; // the module, once it is loaded

// If loading fails (offline, or the server has a newer version), the text stays plain and the next
// message tries again.
const loadRenderer = () =>
  import("./markdown.js").then((module) => (renderer = module)).catch(() => null);

// Announces new tables and code blocks, which may be rendered after their turn.
const announceRendered = (container) =>
  container.dispatchEvent(new Event("westlake:drawn", { bubbles: true }));

export function showMarkdown(container, text) {
  container.textContent = text;
  const render = () => {
    container.replaceChildren(renderer.markdown(text));
    announceRendered(container);
  };
  if (renderer) render();
  else loadRenderer().then((loaded) => loaded && render());
}

// Minimum time between two renderings; longer where rendering is slow, so that the page stays
// responsive.
const PAUSE_MS = 80;
const PAUSE_OF_COST = 6;

const withNewlines = (text) => text.replace(/\r\n?/g, "\n");

// Finished blocks are rendered once. Only the last block is parsed again as it grows, and only
// changed nodes are replaced, so the cost per chunk hardly grows with the answer.
export class AnswerText {
  #container;
  #tail = document.createElement("div");
  #latestText;
  #onRender = () => {};
  #renderedLength = 0; // characters whose blocks are rendered before the tail
  #env = {}; // link references and open headings of those blocks
  #timer = null;
  #pause = PAUSE_MS;

  constructor(container, text = "") {
    this.#container = container;
    this.#latestText = withNewlines(text);
    this.#tail.className = "stream-tail";
    container.replaceChildren(this.#tail);
    if (renderer) this.#render();
    else {
      this.#tail.textContent = this.#latestText;
      loadRenderer().then(() => this.#schedule());
    }
  }

  // `text` is the whole text so far; `onRender` is called after it has been rendered.
  write(text, onRender) {
    this.#latestText = withNewlines(text);
    this.#onRender = onRender;
    this.#schedule();
  }

  // Renders the final text.
  async end() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!renderer) {
      this.#tail.textContent = this.#latestText;
      if (!(await loadRenderer())) return;
    }
    this.#tail.replaceWith(renderer.markdown(this.#renderFinishedBlocks(), { env: this.#env }));
    // A link reference may be defined below its use, where blocks rendered earlier could not
    // know it.
    const references = Object.keys(this.#env.references ?? {});
    if (references.length) this.#container.replaceChildren(renderer.markdown(this.#latestText));
    announceRendered(this.#container);
  }

  #schedule() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      const started = performance.now();
      if (renderer) this.#render();
      else this.#tail.textContent = this.#latestText;
      this.#onRender();
      this.#pause = Math.max(PAUSE_MS, PAUSE_OF_COST * (performance.now() - started));
    }, this.#pause);
  }

  #render() {
    const rest = this.#renderFinishedBlocks();
    const env = { ...this.#env, references: { ...this.#env.references } };
    patchChildren(this.#tail, renderer.markdown(rest, { env, growing: true }));
  }

  // Renders the finished blocks and returns the rest of the text.
  #renderFinishedBlocks() {
    const rest = this.#latestText.slice(this.#renderedLength);
    const end = renderer.finishedLength(rest);
    if (end) this.#tail.before(renderer.markdown(rest.slice(0, end), { env: this.#env }));
    this.#renderedLength += end;
    return rest.slice(end);
  }
}
