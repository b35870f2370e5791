// The tool calls of an answer as cards, with a box for the result of each while it waits for one.

import { t } from "./bootstrap.js";
import { element } from "./element.js";

// `send(results)` is called with the results' texts, in the order of the calls.
export class ToolCallCards {
  element = element("div", { class: "tool-calls" });
  #drawn = "";
  #send;

  constructor(send) {
    this.#send = send;
  }

  // `isWaiting`: nothing follows the calls yet, so their results are asked for.
  update(calls, isWaiting) {
    const shown = JSON.stringify([calls, isWaiting]);
    if (shown === this.#drawn) return;
    this.#drawn = shown;
    const cards = calls.map((call) => callCard(call, isWaiting));
    this.element.replaceChildren(...cards, ...(isWaiting && calls.length ? [this.#button()] : []));
  }

  #button() {
    const onclick = () => {
      const boxes = [...this.element.querySelectorAll("textarea")];
      this.#send(boxes.map(({ value }) => value));
    };
    return element("button", { type: "button", class: "solid", onclick }, t("send_results"));
  }
}

function callCard({ id, name, arguments: text }, isWaiting) {
  const label = t("result_of", { name });
  const box = element("textarea", {
    class: "code",
    rows: 2,
    "aria-label": label,
    placeholder: label,
  });
  return element(
    "figure",
    { class: "tool-call", "data-call": id },
    element("figcaption", {}, t("tool_call", { name })),
    element("pre", {}, indented(text)),
    isWaiting ? box : null,
  );
}

// Arguments that were cut off are no JSON: shown as they are.
function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
