// The answers of one completion request, token by token if logprobs were requested.

import { formatNumber, t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton } from "./element.js";
import { formatStats } from "./stream_stats.js";
import { tokenLegend } from "./token_legend.js";
import { TokenView } from "./token_view.js";

const PAUSE_MS = 80;

export class CompletionAnswers {
  #stateText = element("span", {}, t("sending"));
  #state = element("p", { class: "state" }, element("span", { class: "pulse" }), this.#stateText);
  #timer = null;
  #answers = [];
  #statsText = element("span", { class: "stats" });
  #footer;
  #request;
  #stats = null; // the statistics, once all answers have ended

  // `continueFrom` continues a text where its answer ended.
  constructor(container, request, continueFrom) {
    this.#request = request;
    const count = request.fields.n ?? 1;
    const hasLogprobs = request.fields.logprobs !== undefined;
    for (let index = 0; index < count; index += 1)
      this.#answers.push(createAnswer(index, count, hasLogprobs));
    const onClick = (event) =>
      copy(this.#answers.map(({ text }) => text).join("\n\n"), event.currentTarget);
    const copyButton = iconButton("copy", t("copy"), onClick);
    this.#footer = element("div", { class: "footer", hidden: true }, this.#statsText, copyButton);
    // An instruction's answer is complete; only raw text can be continued.
    if (count === 1 && request.fields.prompt_template === "none") {
      const onContinue = () => continueFrom(request.fields.prompt + this.#answers[0].text);
      this.#footer.append(
        iconButton("continue", t("append"), onContinue, { id: "completion-continue" }),
      );
    }
    if (hasLogprobs)
      this.#footer.append(
        element("span", { class: "hint" }, t("probabilities_hint")),
        tokenLegend(),
      );
    container.replaceChildren(
      this.#state,
      ...this.#answers.map((each) => each.element),
      this.#footer,
    );
  }

  setState(text) {
    this.#stateText.textContent = text;
  }

  write({ text, index, logprobs }, stats) {
    const answer = this.#answers[index];
    answer.text += text;
    if (logprobs) this.#addLogprobs(answer, logprobs);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#draw(false);
      this.setState(`${t("writing")} \u00b7 ${formatStats(stats.snapshot())}`);
    }, PAUSE_MS);
  }

  get firstText() {
    return this.#answers[0].text;
  }

  // Restores a saved answer.
  restoreAnswer(index, { text, finish, scores }) {
    Object.assign(this.#answers[index], { text, finish });
    for (const each of scores) this.#addLogprobs(this.#answers[index], each);
  }

  #addLogprobs(answer, logprobs) {
    answer.scores.push(logprobs);
    answer.tokenView.push(logprobs);
  }

  #draw(all) {
    for (const { text, content, tokenView } of this.#answers) {
      if (tokenView) tokenView.draw(all);
      else content.textContent = text;
    }
  }

  finish({ index, finish }) {
    this.#answers[index].finish = finish;
  }

  end(stats) {
    clearTimeout(this.#timer);
    this.#draw(true);
    this.#state.remove();
    const [first] = this.#answers;
    const finish = this.#answers.length === 1 ? (stats.finish ?? first.finish) : stats.finish;
    this.#statsText.textContent = formatStats({ ...stats, finish });
    this.#footer.hidden = false;
    if (finish === "length") this.#offerToContinue();
    for (const { text, content, tokenView, finish: answerFinish } of this.#answers) {
      if (tokenView && answerFinish === "stop" && !this.#request.fields.stop) {
        content.append(
          element("span", {
            class: "end-token",
            role: "img",
            "aria-label": t("end_token"),
            "data-name": t("end_token"),
          }),
        );
      } else if (!text)
        content.replaceChildren(element("span", { class: "hint" }, t("empty_answer")));
    }
    this.#stats = stats;
  }

  // A cut answer offers in words to continue.
  #offerToContinue() {
    const button = this.#footer.querySelector("#completion-continue");
    button?.classList.replace("quiet", "outlined");
    button?.removeAttribute("aria-label");
    button?.append(t("continue_answer"));
  }

  // The state from which restoreCompletion() redraws the answers.
  getState() {
    const answers = this.#answers.map(({ text, finish, scores }) => ({ text, finish, scores }));
    const tokens = answers.reduce((sum, { scores }) => sum + scores.length, 0);
    const stopped = { tokens, exact: false, perSecond: null, first: null, finish: "stopped" };
    return { fields: this.#request.fields, answers, speed: this.#stats ?? stopped };
  }
}

function createAnswer(index, count, hasLogprobs) {
  const content = element("div", { class: "content completion-text", dir: "auto" });
  const tokenView = hasLogprobs ? new TokenView(content) : null;
  const label =
    count > 1 ? element("h3", {}, t("answer_number", { number: formatNumber(index + 1) })) : null;
  return {
    text: "",
    finish: null,
    scores: [],
    content,
    tokenView,
    element: element("div", {}, label, content),
  };
}
