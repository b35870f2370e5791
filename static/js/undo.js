// Offers to take back what has just been removed, for ten seconds.
// Knows nothing about what that was.
import { byId } from "./element.js";
import { say } from "./given.js";
import { announce } from "./notices.js";

const OFFER_MS = 10_000;
const STEP_MS = 250;

let offers = []; // {text, undo, left}, the newest last: that is the one shown
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
  offers.push({ text, undo, left: OFFER_MS });
  clock ??= setInterval(pass, STEP_MS);
  draw();
  announce(`${text} ${say("undo_keys")}`);
  if (focus) byId("undo-button").focus();
}

export const canUndo = () => offers.length > 0;

export function undoLast() {
  const last = offers.at(-1);
  if (!last) return;
  drop(last);
  last.undo();
  announce(say("undone"));
}

// Nobody's time runs out while they are about to press the button.
function pass() {
  if (byId("undo").matches(":hover, :focus-within")) return;
  for (const offer of [...offers]) {
    offer.left -= STEP_MS;
    if (offer.left <= 0) drop(offer);
  }
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
  byId("undo").hidden = !offers.length;
  byId("undo-text").textContent = offers.at(-1)?.text ?? "";
}
