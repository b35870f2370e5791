// The answers of one completion request, token by token if logprobs were requested.

import { formatNumber, t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton } from "./element.js";
import { formatStats } from "./stream_stats.js";
import { tokenLegend } from "./token_legend.js";
import { TokenView } from "./token_view.js";

const PAUSE_MS = 80;

export class CompletionAnswers {
  #words = element("span", {}, t("sending"));
  #state = element("p", { class: "state" }, element("span", { class: "pulse" }), this.#words);
  #timer = null;
  #answers = [];
  #speed = element("span", { class: "stats" });
  #foot;
  #asked;
  #told = null; // the statistics, once all answers have ended

  // `continueFrom` continues a text where its answer ended.
  constructor(place, asked, goOn) {
    this.#asked = asked;
    const many = asked.fields.n ?? 1;
    const scored = asked.fields.logprobs !== undefined;
    for (let number = 0; number < many; number += 1)
      this.#answers.push(answer(number, many, scored));
    const pressed = (event) =>
      copy(this.#answers.map(({ text }) => text).join("\n\n"), event.currentTarget);
    const copying = iconButton("copy", t("copy"), pressed);
    this.#foot = element("div", { class: "footer", hidden: true }, this.#speed, copying);
    // An instruction's answer is complete; only raw text can be continued.
    if (many === 1 && asked.fields.prompt_template === "none") {
      const pressed = () => goOn(asked.fields.prompt + this.#answers[0].text);
      this.#foot.append(
        iconButton("continue", t("append"), pressed, { id: "completion-continue" }),
      );
    }
    if (scored)
      this.#foot.append(element("span", { class: "hint" }, t("probabilities_hint")), tokenLegend());
    place.replaceChildren(this.#state, ...this.#answers.map((each) => each.element), this.#foot);
  }

  state(text) {
    this.#words.textContent = text;
  }

  write({ text, index, logprobs }, watch) {
    const own = this.#answers[index];
    own.text += text;
    if (logprobs) this.#score(own, logprobs);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#draw(false);
      this.state(`${t("writing")} \u00b7 ${formatStats(watch.read())}`);
    }, PAUSE_MS);
  }

  get first() {
    return this.#answers[0].text;
  }

  // Restores a saved answer.
  take(index, { text, finish, scores }) {
    Object.assign(this.#answers[index], { text, finish });
    for (const each of scores) this.#score(this.#answers[index], each);
  }

  #score(own, logprobs) {
    own.scores.push(logprobs);
    own.row.push(logprobs);
  }

  #draw(all) {
    for (const { text, said, row } of this.#answers) {
      if (row) row.draw(all);
      else said.textContent = text;
    }
  }

  finish({ index, finish }) {
    this.#answers[index].finish = finish;
  }

  end(speed) {
    clearTimeout(this.#timer);
    this.#draw(true);
    this.#state.remove();
    const [only] = this.#answers;
    const finish = this.#answers.length === 1 ? (speed.finish ?? only.finish) : speed.finish;
    this.#speed.textContent = formatStats({ ...speed, finish });
    this.#foot.hidden = false;
    if (finish === "length") this.#offer();
    for (const { text, said, row, finish: own } of this.#answers) {
      if (row && own === "stop" && !this.#asked.fields.stop) {
        said.append(
          element("span", {
            class: "end-token",
            role: "img",
            "aria-label": t("end_token"),
            "data-name": t("end_token"),
          }),
        );
      } else if (!text) said.replaceChildren(element("span", { class: "hint" }, t("empty_answer")));
    }
    this.#told = speed;
  }

  // A cut answer offers in words to continue.
  #offer() {
    const button = this.#foot.querySelector("#completion-continue");
    button?.classList.replace("quiet", "outlined");
    button?.removeAttribute("aria-label");
    button?.append(t("continue_answer"));
  }

  // The state from which restoreCompletion() redraws the answers.
  kept() {
    const answers = this.#answers.map(({ text, finish, scores }) => ({ text, finish, scores }));
    const tokens = answers.reduce((sum, { scores }) => sum + scores.length, 0);
    const broken = { tokens, exact: false, perSecond: null, first: null, finish: "stopped" };
    return { fields: this.#asked.fields, answers, speed: this.#told ?? broken };
  }
}

function answer(number, many, scored) {
  const said = element("div", { class: "content completion-text", dir: "auto" });
  const row = scored ? new TokenView(said) : null;
  const label =
    many > 1 ? element("h3", {}, t("answer_number", { number: formatNumber(number + 1) })) : null;
  return {
    text: "",
    finish: null,
    scores: [],
    said,
    row,
    element: element("div", {}, label, said),
  };
}
