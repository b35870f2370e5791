// Offers to take back what has just been removed, for ten seconds, in sight.
// Knows nothing about what that was.

import { formatNumber, t } from "./bootstrap.js";
import { byId } from "./element.js";
import { announce } from "./notices.js";

const OFFER_MS = 10_000;
const LATE_MS = 4_000; // how long it is told that there is nothing to take back
const STEP_MS = 250;

let offers = []; // {text, undo, left}, the newest last: that is the one shown
let offered = false; // ever
let clock = null;
let leave = () => {};

// `left` is called when the focus must go elsewhere because the offer has gone.
export function startUndo(left) {
  leave = left;
  byId("undo-button").addEventListener("click", undoLast);
  byId("undo-close").addEventListener("click", () => drop(offers.at(-1)));
}

// With `focus` the next key press can take it back, as after a press of a button that is gone now.
export function offerUndo(text, undo, focus = false) {
  offered = true;
  show({ text, undo, left: OFFER_MS });
  announce(`${text} ${t("undo_keys", { seconds: seconds(OFFER_MS) })}`);
  if (focus) byId("undo-button").focus();
}

export const canUndo = () => offers.some(({ undo }) => undo);

// For who comes after the time has run out.
export function announceTooLate() {
  if (!offered || canUndo()) return;
  show({ text: t("undo_late"), undo: null, left: LATE_MS });
  announce(t("undo_late"));
}

export function undoLast() {
  const last = offers.at(-1);
  drop(last);
  last.undo();
  announce(t("undone"));
}

// Nobody's time runs out while they are about to press the button.
function pass() {
  if (byId("undo").matches(":hover, :focus-within")) return;
  for (const offer of [...offers]) {
    offer.left -= STEP_MS;
    if (offer.left <= 0) drop(offer);
  }
  drawTime();
}

function show(offer) {
  offers = [...offers.filter(({ undo }) => undo), offer];
  clock ??= setInterval(pass, STEP_MS);
  draw();
}

function drop(gone) {
  const focused = byId("undo").contains(document.activeElement);
  offers = offers.filter((offer) => offer !== gone);
  if (!offers.length) {
    clearInterval(clock);
    clock = null;
  }
  draw();
  if (focused && !offers.length) leave();
}

function draw() {
  const last = offers.at(-1);
  byId("undo").hidden = !last;
  byId("undo-text").textContent = last?.text ?? "";
  for (const id of ["undo-button", "undo-left", "undo-time"]) byId(id).hidden = !last?.undo;
  drawTime();
}

function drawTime() {
  const { left } = offers.at(-1) ?? { left: 0 };
  const told = t("seconds", { seconds: seconds(left) });
  if (byId("undo-left").textContent !== told) byId("undo-left").textContent = told;
  byId("undo-time").value = left / OFFER_MS;
}

const seconds = (milliseconds) => formatNumber(Math.ceil(milliseconds / 1000));
