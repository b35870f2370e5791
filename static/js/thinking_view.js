// A model's thinking above its answer, folded, with the seconds it took.
import { formatFixed, t } from "./bootstrap.js";
import { element } from "./element.js";

export class ThinkingView {
  #label = element("summary");
  #text = element("p", { dir: "auto" });
  element = element("details", { class: "thinking" }, this.#label, this.#text);

  // `answer` is the element before which it is put, where there is any thinking. The seconds are
  // not known until the thinking has ended.
  update({ reasoning = "", reasoningSeconds = null }, answer) {
    if (!reasoning) {
      this.element.remove();
      return;
    }
    const seconds = reasoningSeconds === null ? null : formatFixed(reasoningSeconds, 1);
    const label = seconds === null ? t("thinking") : t("thought", { seconds });
    if (this.#label.textContent !== label) this.#label.textContent = label;
    const shown = this.#text.textContent;
    // Appended, so that a selection in it stays.
    if (reasoning.startsWith(shown)) this.#text.append(reasoning.slice(shown.length));
    else this.#text.textContent = reasoning;
    if (!this.element.isConnected) answer.before(this.element);
  }
}
