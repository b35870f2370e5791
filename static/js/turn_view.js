// One turn on the page: its text, its state while it is being generated, and its footer.
import { AnswerText, showMarkdown } from "./answer_text.js";
import { autoScroll } from "./auto_scroll.js";
import { t } from "./bootstrap.js";
import { collapseLongText } from "./collapse.js";
import { element } from "./element.js";
import { formatStats } from "./stream_stats.js";
import { openEditor } from "./turn_editor.js";
import { TurnFooter } from "./turn_footer.js";

export class TurnView {
  #article;
  #text = element("div", { class: "content", dir: "auto" });
  #stateText = element("span");
  #state = element("p", { class: "state" }, element("span", { class: "pulse" }), this.#stateText);
  #footer;
  #collapseButton = null; // under a long text
  #stream = null; // the AnswerText, while the turn is being generated
  #drawn = null; // the text on the page

  constructor({ id, role }, actions) {
    const isUser = role === "user";
    const author = element(
      "h2",
      { class: "author", id: `author-${id}` },
      t(isUser ? "you" : "assistant"),
    );
    this.#article = element("article", { "aria-labelledby": `author-${id}` }, author, this.#text);
    this.element = element(
      "li",
      { class: `turn ${isUser ? "user" : "assistant"}`, "data-id": id, tabindex: "-1" },
      this.#article,
    );
    this.#footer = new TurnFooter(actions, (node, context) =>
      openEditor(this.#text, this.#footer.element, node, context, actions),
    );
  }

  // Redraws only what has changed since the last call: a selection, the focus and an open editor
  // stay. `context` is {branches, last, busy, live, truncated}.
  update(node, context) {
    this.element.classList.toggle("truncated", context.truncated);
    if (context.live) {
      this.#startStream(node);
      return;
    }
    if (this.#stream) this.#endStream(node);
    if (node.content !== this.#drawn) this.#draw(node);
    this.#footer.update(node, context);
    const footer = this.#footer.element;
    if (footer.parentElement !== this.#article) this.#article.append(footer);
  }

  // What happens before the first token; `progress` is the part that is done, 0 to 1.
  setState(text, progress = null) {
    this.#stateText.textContent = text;
    this.#state.querySelector("progress")?.remove();
    if (progress === null) return;
    this.#state.append(element("progress", { max: 1, value: progress, "aria-label": text }));
  }

  // `text` is the whole answer so far.
  write(text, stats) {
    this.#stream.write(text, () => {
      this.setState(`${t("writing")} \u00b7 ${formatStats(stats.snapshot())}`);
      autoScroll.follow();
    });
  }

  #startStream(node) {
    if (this.#stream) return;
    this.#stream = new AnswerText(this.#text, node.content);
    this.setState(t("sending"));
    this.#footer.remove();
    this.#article.append(this.#state);
  }

  #endStream(node) {
    this.#stream.end();
    this.#stream = null;
    this.#drawn = node.content || null;
    this.#state.remove();
  }

  #draw({ content, role }) {
    this.#drawn = content;
    if (content) showMarkdown(this.#text, content);
    else this.#text.replaceChildren(element("span", { class: "hint" }, t("empty_answer")));
    if (role !== "user") return;
    this.#collapseButton?.remove();
    this.#collapseButton = collapseLongText(this.#text, content);
    if (this.#collapseButton) this.#text.after(this.#collapseButton);
  }
}
