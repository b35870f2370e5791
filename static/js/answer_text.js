// Shows an answer as Markdown, also while it is still growing.
// Knows nothing about turns; the Markdown reader comes with the first answer, not with the page.
let reader = null; // the module, once it has come

export function loadReader() {
  return import("./markdown.js").then((module) => (reader = module));
}

export function showAnswer(place, text) {
  place.textContent = text;
  const draw = () => place.replaceChildren(reader.markdown(text));
  if (reader) draw();
  else loadReader().then(draw);
}

const PAUSE_MS = 80;

// Blocks that have ended are drawn once; only the last one is drawn again as it grows, so the
// work of a piece does not grow with the answer.
export class AnswerText {
  #settled = 0; // characters of the text whose blocks have been drawn
  #timer = null;
  #latest = "";
  #told = () => {};
  #tail = document.createElement("div");
  #place;

  constructor(place) {
    this.#place = place;
    this.#tail.className = "tail";
    place.append(this.#tail);
    if (!reader) loadReader().then(() => this.#later());
  }

  write(text, told = () => {}) {
    this.#latest = text;
    this.#told = told;
    this.#later();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = -1;
    this.#draw();
  }

  #later() {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#draw();
    }, PAUSE_MS);
  }

  #draw() {
    const text = this.#latest;
    if (!reader) {
      this.#tail.textContent = text;
    } else {
      const end = reader.settledEnd(text, this.#settled);
      if (end > this.#settled) this.#tail.before(reader.markdown(text.slice(this.#settled, end)));
      this.#settled = end;
      this.#tail.replaceChildren(reader.markdown(text.slice(end)));
    }
    this.#told();
  }
}
