// The answers of one completion: several where several were asked for, token by token where the
// model told how sure it was. Knows nothing about requests.
import { copy } from "./clipboard.js";
import { element, iconButton } from "./element.js";
import { count, say } from "./given.js";
import { speedLine } from "./stopwatch.js";
import { TokenRow } from "./tokens.js";

const PAUSE_MS = 80;

export class CompletionAnswers {
  #words = element("span", {}, say("sending"));
  #state = element("p", { class: "state" }, element("span", { class: "pulse" }), this.#words);
  #timer = null;
  #answers = [];
  #speed = element("span", { class: "speed" });
  #foot;

  constructor(place, asked) {
    const many = asked.fields.n ?? 1;
    const scored = asked.fields.logprobs !== undefined;
    for (let number = 0; number < many; number += 1) this.#answers.push(answer(number, many, scored));
    const pressed = (event) => copy(this.#answers.map(({ text }) => text).join("\n\n"), event.currentTarget);
    const copying = iconButton("copy", say("copy"), pressed);
    this.#foot = element("div", { class: "foot", hidden: true }, this.#speed, copying);
    place.replaceChildren(this.#state, ...this.#answers.map((each) => each.element), this.#foot);
    if (scored) this.#foot.append(element("span", { class: "hint" }, say("probabilities_hint")));
  }

  state(text) {
    this.#words.textContent = text;
  }

  write({ text, index, logprobs }, watch) {
    const own = this.#answers[index];
    own.text += text;
    if (logprobs) own.row.push(logprobs);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#draw(false);
      this.state(`${say("writing")} \u00b7 ${speedLine(watch.read())}`);
    }, PAUSE_MS);
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
    this.#speed.textContent = speedLine({ ...speed, finish });
    this.#foot.hidden = false;
    for (const { text, said } of this.#answers) {
      if (!text) said.replaceChildren(element("span", { class: "hint" }, say("empty_answer")));
    }
  }
}

function answer(number, many, scored) {
  const said = element("div", { class: "said sheet-answer", dir: "auto" });
  const row = scored ? new TokenRow(said) : null;
  const label = many > 1 ? element("h3", {}, say("answer_number", { number: count(number + 1) })) : null;
  return { text: "", finish: null, said, row, element: element("div", {}, label, said) };
}
