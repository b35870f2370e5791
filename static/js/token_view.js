// An answer token by token: each token's probability by colour and underline, and its five most
// likely alternatives in a popover.

import { formatFixed, t } from "./bootstrap.js";
import { element } from "./element.js";
import { probabilityLevel } from "./token_legend.js";
import { mergeByteTokens } from "./token_merge.js";

function percent(logprob) {
  const percentage = Math.exp(logprob) * 100;
  return percentage < 0.05 ? "< 0.1%" : `${formatFixed(percentage, 1)}%`;
}

export class TokenView {
  #container;
  #tokens = []; // as received
  #shownCount = 0;
  #popover = element("div", { class: "alternatives", popover: "auto" });

  constructor(container) {
    this.#container = container;
    container.classList.add("tokens");
    container.setAttribute("role", "group");
    container.setAttribute("aria-label", t("tokens_label"));
    container.addEventListener("keydown", (event) => this.#onKeyDown(event));
    document.querySelector("main").append(this.#popover);
    new MutationObserver((_, observer) => {
      if (container.isConnected) return;
      observer.disconnect();
      this.#popover.remove();
    }).observe(container.parentNode ?? document.body, { childList: true, subtree: true });
  }

  push({ tokens, token_logprobs: logprobs, top_logprobs: tops }) {
    for (const [index, token] of tokens.entries()) {
      this.#tokens.push({ token, logprob: logprobs[index], top: tops?.[index] });
    }
  }

  // Byte tokens arrive one by one; incomplete characters are not shown until `all` tokens are
  // there.
  draw(all) {
    const merged = mergeByteTokens(this.#tokens.slice(this.#shownCount), all);
    for (const token of merged) {
      this.#shownCount += token.parts;
      this.#container.append(this.#button(token));
    }
  }

  #button(token) {
    const name = `${token.text.replaceAll("\n", ` ${t("newline")} `).trim()} ${percent(token.logprob)}`;
    const first = this.#container.querySelector(".token") === null;
    const attributes = {
      role: "button",
      class: `token p${probabilityLevel(Math.exp(token.logprob))}`,
      "aria-label": name,
    };
    // Not a <button>, because browsers do not wrap lines inside one.
    const button = element("span", {
      ...attributes,
      tabindex: first ? "0" : "-1",
      "aria-haspopup": "true",
    });
    button.append(...withBreaks(token.text));
    button.addEventListener("click", () => this.#open(button, token));
    return button;
  }

  #open(button, token) {
    const rows = token.top.map(([text, logprob]) =>
      element(
        "tr",
        { class: text === token.text ? "chosen" : null },
        element("th", { scope: "row" }, makeVisible(text)),
        element("td", {}, percent(logprob)),
        element(
          "td",
          { class: "bar-cell" },
          element("meter", {
            min: 0,
            max: 1,
            value: Math.exp(logprob),
            "aria-label": percent(logprob),
          }),
        ),
      ),
    );
    const caption = element("caption", {}, t("alternatives_caption"));
    this.#popover.replaceChildren(element("table", {}, caption, element("tbody", {}, ...rows)));
    this.#popover.showPopover({ source: button });
    const { left, bottom, top } = button.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.#popover;
    const fitsBelow = bottom + height + 8 < innerHeight;
    this.#popover.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    this.#popover.style.top = `${fitsBelow ? bottom + 6 : Math.max(8, top - height - 6)}px`;
  }

  #onKeyDown(event) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.target.click();
      return;
    }
    const all = [...this.#container.querySelectorAll(".token")];
    const index = all.indexOf(document.activeElement);
    const target = {
      ArrowRight: index + 1,
      ArrowLeft: index - 1,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (index < 0 || target === undefined || !all[target]) return;
    event.preventDefault();
    all[index].tabIndex = -1;
    all[target].tabIndex = 0;
    all[target].focus();
    if (this.#popover.matches(":popover-open")) all[target].click();
  }
}

// Keeps the text as it is for copying; the style sheet marks line breaks.
function withBreaks(text) {
  return text
    .split(/(\n)/)
    .map((part) => (part === "\n" ? element("span", { class: "newline" }, part) : part));
}

// Makes white space and byte tokens visible.
function makeVisible(text) {
  return (
    text
      .replace(/^bytes:\\x(.*)$/, (_, digits) => `<${digits.replaceAll("\\x", " ")}>`)
      .replaceAll("\n", "\u23ce")
      .replaceAll(" ", "\u2423")
      .replaceAll("\t", "\u21e5") || t("empty_token")
  );
}
