// Shows a notice when an answer repeats itself, with a button that stops it.

import { t } from "./bootstrap.js";
import { byId } from "./element.js";
import { announce } from "./notices.js";
import { isRepetitive } from "./repetition.js";

const CHECK_EVERY = 200; // characters between two checks
const checkedLength = {}; // by tab: text length at the last check

export function startRepetitionNotices() {
  for (const button of document.querySelectorAll("[data-stop-answer]")) {
    button.addEventListener("click", () =>
      byId(`${button.dataset.stopAnswer}-stop-button`).click(),
    );
  }
}

// `text` is the whole answer so far.
export function checkRepetition(tab, text) {
  const box = byId(`${tab}-repetition`);
  if (!box.hidden || Math.abs(text.length - (checkedLength[tab] ?? 0)) < CHECK_EVERY) return;
  checkedLength[tab] = text.length;
  if (!isRepetitive(text)) return;
  box.hidden = false;
  announce(t("repetition"));
}

export function resetRepetition(tab) {
  checkedLength[tab] = 0;
  byId(`${tab}-repetition`).hidden = true;
}
