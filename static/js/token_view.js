// An answer token by token: each token's probability by colour and underline, and its five most
// likely alternatives in a popover.

import { formatFixed, t } from "./bootstrap.js";
import { element } from "./element.js";
import { probabilityLevel } from "./token_legend.js";
import { mergeByteTokens } from "./token_merge.js";

function percent(logprob) {
  const share = Math.exp(logprob) * 100;
  return share < 0.05 ? "< 0.1%" : `${formatFixed(share, 1)}%`;
}

export class TokenView {
  #place;
  #parts = []; // as received
  #shown = 0;
  #popover = element("div", { class: "alternatives", popover: "auto" });

  constructor(place) {
    this.#place = place;
    place.classList.add("tokens");
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", t("tokens_label"));
    place.addEventListener("keydown", (event) => this.#move(event));
    document.querySelector("main").append(this.#popover);
    new MutationObserver((_, observer) => {
      if (place.isConnected) return;
      observer.disconnect();
      this.#popover.remove();
    }).observe(place.parentNode ?? document.body, { childList: true, subtree: true });
  }

  push({ tokens, token_logprobs: logprobs, top_logprobs: tops }) {
    for (const [place, token] of tokens.entries()) {
      this.#parts.push({ token, logprob: logprobs[place], top: tops?.[place] });
    }
  }

  // Byte tokens arrive one by one; incomplete characters are not shown until `all` tokens are
  // there.
  draw(all) {
    const whole = mergeByteTokens(this.#parts.slice(this.#shown), all);
    for (const token of whole) {
      this.#shown += token.parts;
      this.#place.append(this.#button(token));
    }
  }

  #button(token) {
    const name = `${token.text.replaceAll("\n", ` ${t("newline")} `).trim()} ${percent(token.logprob)}`;
    const first = this.#place.querySelector(".token") === null;
    const own = {
      role: "button",
      class: `token p${probabilityLevel(Math.exp(token.logprob))}`,
      "aria-label": name,
    };
    // Not a <button>, because browsers do not wrap lines inside one.
    const button = element("span", {
      ...own,
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
        element("th", { scope: "row" }, visible(text)),
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
    const below = bottom + height + 8 < innerHeight;
    this.#popover.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    this.#popover.style.top = `${below ? bottom + 6 : Math.max(8, top - height - 6)}px`;
  }

  #move(event) {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      event.target.click();
      return;
    }
    const all = [...this.#place.querySelectorAll(".token")];
    const place = all.indexOf(document.activeElement);
    const to = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: all.length - 1 }[
      event.key
    ];
    if (place < 0 || to === undefined || !all[to]) return;
    event.preventDefault();
    all[place].tabIndex = -1;
    all[to].tabIndex = 0;
    all[to].focus();
    if (this.#popover.matches(":popover-open")) all[to].click();
  }
}

// Keeps the text as it is for copying; the style sheet marks line breaks.
function withBreaks(text) {
  return text
    .split(/(\n)/)
    .map((part) => (part === "\n" ? element("span", { class: "newline" }, part) : part));
}

// Makes white space and byte tokens visible.
function visible(text) {
  return (
    text
      .replace(/^bytes:\\x(.*)$/, (_, digits) => `<${digits.replaceAll("\\x", " ")}>`)
      .replaceAll("\n", "\u23ce")
      .replaceAll(" ", "\u2423")
      .replaceAll("\t", "\u21e5") || t("empty_token")
  );
}
