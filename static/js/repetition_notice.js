// Tells that an answer repeats itself, and offers to stop it.
// Knows nothing about how it is stopped: the room's own button does it.

import { t } from "./bootstrap.js";
import { byId } from "./element.js";
import { announce } from "./notices.js";
import { isRepetitive } from "./repetition.js";

const EVERY = 200; // characters between two looks
const looked = {}; // by room: the length at the last look

export function startRepetitionNotices() {
  for (const button of document.querySelectorAll("[data-stop-loop]")) {
    button.addEventListener("click", () => byId(`${button.dataset.stopLoop}-halt`).click());
  }
}

// `text` is all of an answer so far.
export function checkRepetition(room, text) {
  const box = byId(`${room}-loop`);
  if (!box.hidden || Math.abs(text.length - (looked[room] ?? 0)) < EVERY) return;
  looked[room] = text.length;
  if (!isRepetitive(text)) return;
  box.hidden = false;
  announce(t("loop"));
}

export function resetRepetition(room) {
  looked[room] = 0;
  byId(`${room}-loop`).hidden = true;
}
