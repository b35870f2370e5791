// Offers to undo a removal for ten seconds.

import { formatNumber, t } from "./bootstrap.js";
import { byId } from "./element.js";
import { announce } from "./notices.js";

const OFFER_MS = 10_000;
const TOO_LATE_MS = 4_000; // how long "nothing to undo" is shown
const STEP_MS = 250;

let offers = []; // {text, undo, left: milliseconds}, the newest last; that one is shown
let hasOffered = false; // ever since the page was opened
let timer = null;
let onFocusLost = () => {};

// `listener` is called when the notice had focus and disappears.
export function startUndo(listener) {
  onFocusLost = listener;
  byId("undo-button").addEventListener("click", undoLast);
  byId("undo-close").addEventListener("click", () => drop(offers.at(-1)));
}

// With `focus` the Undo button gets focus, for keyboard users whose button disappeared.
export function offerUndo(text, undo, focus = false) {
  hasOffered = true;
  show({ text, undo, left: OFFER_MS });
  announce(`${text} ${t("undo_keys", { seconds: seconds(OFFER_MS) })}`);
  if (focus) byId("undo-button").focus();
}

export const canUndo = () => offers.some(({ undo }) => undo);

// Tells the user that the time for undo has passed.
export function announceTooLate() {
  if (!hasOffered || canUndo()) return;
  show({ text: t("undo_late"), undo: null, left: TOO_LATE_MS });
  announce(t("undo_late"));
}

export function undoLast() {
  const last = offers.at(-1);
  drop(last);
  last.undo();
  announce(t("undone"));
}

// The countdown pauses while the user is about to press the button.
function countDown() {
  if (byId("undo").matches(":hover, :focus-within")) return;
  for (const offer of [...offers]) {
    offer.left -= STEP_MS;
    if (offer.left <= 0) drop(offer);
  }
  drawTime();
}

function show(offer) {
  offers = [...offers.filter(({ undo }) => undo), offer];
  timer ??= setInterval(countDown, STEP_MS);
  draw();
}

function drop(removedOffer) {
  const focused = byId("undo").contains(document.activeElement);
  offers = offers.filter((offer) => offer !== removedOffer);
  if (!offers.length) {
    clearInterval(timer);
    timer = null;
  }
  draw();
  if (focused && !offers.length) onFocusLost();
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
  const timeText = t("seconds", { seconds: seconds(left) });
  if (byId("undo-left").textContent !== timeText) byId("undo-left").textContent = timeText;
  byId("undo-time").value = left / OFFER_MS;
}

const seconds = (milliseconds) => formatNumber(Math.ceil(milliseconds / 1000));
