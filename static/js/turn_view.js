// One turn on the page: its text, its state while it is being generated, and its footer.
import { AnswerText, showMarkdown } from "./answer_text.js";
import { autoScroll } from "./auto_scroll.js";
import { t } from "./bootstrap.js";
import { collapseLongText } from "./collapse.js";
import { element } from "./element.js";
import { formatStats } from "./stream_stats.js";
import { ThinkingView } from "./thinking_view.js";
import { ToolCallCards } from "./tool_call_cards.js";
import { openEditor } from "./turn_editor.js";
import { TurnFooter } from "./turn_footer.js";

export class TurnView {
  #article;
  #text = element("div", { class: "content", dir: "auto" });
  #thinking = new ThinkingView();
  #stateText = element("span");
  #state = element("p", { class: "state" }, element("span", { class: "pulse" }), this.#stateText);
  #footer;
  #collapseButton = null; // under a long text
  #stream = null; // the AnswerText, while the turn is being generated
  #drawn = null; // the text on the page
  #calls;
  #node; // the turn as of the last update

  constructor({ id, role, call }, actions) {
    const isUser = role === "user";
    const name = call ? t("result_of", { name: call.name }) : t(isUser ? "you" : "assistant");
    const author = element("h2", { class: "author", id: `author-${id}` }, name);
    this.#calls = new ToolCallCards((results) => actions.sendResults(this.#node, results));
    this.#article = element("article", { "aria-labelledby": `author-${id}` }, author, this.#text);
    this.element = element(
      "li",
      { class: `turn ${role}`, "data-id": id, tabindex: "-1" },
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
    this.#node = node;
    if (context.live) {
      this.#startStream(node);
      return;
    }
    if (this.#stream) this.#endStream(node);
    this.#thinking.update(node, this.#text);
    if (node.content !== this.#drawn) this.#draw(node);
    this.#drawCalls(node.calls ?? [], context.last);
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

  // `node` has the whole answer so far.
  write(node, stats) {
    this.#thinking.update(node, this.#text);
    this.#stream.write(node.content, () => {
      const activity = t(node.content ? "writing" : "thinking");
      this.setState(`${activity} \u00b7 ${formatStats(stats.snapshot())}`);
      autoScroll.follow();
    });
  }

  // `calls` are all tool calls so far.
  writeCalls(calls) {
    this.setState(t("writing"));
    this.#drawCalls(calls, false);
    autoScroll.follow();
  }

  #drawCalls(calls, isWaiting) {
    this.#calls.update(calls, isWaiting);
    if (calls.length) this.#text.after(this.#calls.element);
  }

  #startStream(node) {
    if (this.#stream) return;
    this.#stream = new AnswerText(this.#text, node.content);
    this.#thinking.update(node, this.#text);
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

  #draw({ content, role, calls }) {
    this.#drawn = content;
    if (role === "tool") this.#text.replaceChildren(element("pre", {}, content));
    else if (content || calls?.length) showMarkdown(this.#text, content);
    else this.#text.replaceChildren(element("span", { class: "hint" }, t("empty_answer")));
    if (role !== "user") return;
    this.#collapseButton?.remove();
    this.#collapseButton = collapseLongText(this.#text, content);
    if (this.#collapseButton) this.#text.after(this.#collapseButton);
  }
}
