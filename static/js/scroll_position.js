// The reading position in a conversation, as a turn and an offset, so that it can be restored after
// redrawing.
import { byId } from "./element.js";

const own = byId("chat-scroller");
const NEAR = 60; // pixels from the end that count as the end
let held = null; // the position to restore while turns are still growing
let set = { top: 0, height: 0 }; // scroll state after the last restore

// In short viewports the page scrolls as a whole.
const moving = () =>
  getComputedStyle(own).overflowY === "visible" ? document.scrollingElement : own;
const edge = (place) => (place === own ? own.getBoundingClientRect().top : 0);

// {turn, above: its pixels above the viewport}; null at the end; undefined while another tab is
// shown.
export function readingPosition() {
  if (!own.checkVisibility()) return undefined;
  const place = moving();
  if (place.scrollHeight - place.scrollTop - place.clientHeight < NEAR) return null;
  const top = edge(place);
  const turns = [...byId("thread").children].filter((each) => each.dataset.id);
  const first = turns.find((each) => each.getBoundingClientRect().bottom > top);
  return first
    ? { turn: first.dataset.id, above: Math.round(top - first.getBoundingClientRect().top) }
    : null;
}

// Restores a position of readingPosition() and holds it until the user scrolls.
export function restorePosition(there) {
  held = there ?? "end";
  apply();
}

function apply() {
  if (!held || !own.checkVisibility()) return;
  const place = moving();
  const turn = held === "end" ? null : byId("thread").querySelector(`[data-id="${held.turn}"]`);
  if (turn) place.scrollTop += turn.getBoundingClientRect().top + held.above - edge(place);
  else place.scrollTop = byId("thread").childElementCount ? place.scrollHeight : 0; // the welcome page starts at its top
  set = { top: place.scrollTop, height: place.scrollHeight };
}

// The user scrolled if the position changed without the content growing.
function moved() {
  const { scrollTop, scrollHeight } = moving();
  if (held && scrollHeight === set.height && Math.abs(scrollTop - set.top) > 2) held = null;
}

function touched({ type, target }) {
  if (type !== "keydown" || !["INPUT", "TEXTAREA"].includes(target.tagName)) held = null;
}

export function startScrollPosition() {
  new ResizeObserver(apply).observe(byId("thread"));
  for (const place of [own, window]) place.addEventListener("scroll", moved, { passive: true });
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    addEventListener(kind, touched, { passive: true, capture: true });
  }
}
