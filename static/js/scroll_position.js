// The reading position in a conversation, as a turn and an offset, so that it can be restored after
// redrawing.
import { byId } from "./element.js";

const scroller = byId("chat-scroller");
const NEAR_PX = 60; // pixels from the end that count as the end
let target = null; // the position to restore while turns are still growing
let lastState = { top: 0, height: 0 }; // scroll state after the last restore

// In short viewports the page scrolls as a whole.
const scrollContainer = () =>
  getComputedStyle(scroller).overflowY === "visible" ? document.scrollingElement : scroller;
const topEdge = (container) => (container === scroller ? scroller.getBoundingClientRect().top : 0);

// {turn, above: its pixels above the viewport}; null at the end; undefined while another tab is
// shown.
export function readingPosition() {
  if (!scroller.checkVisibility()) return undefined;
  const container = scrollContainer();
  if (container.scrollHeight - container.scrollTop - container.clientHeight < NEAR_PX) return null;
  const top = topEdge(container);
  const turns = [...byId("thread").children].filter((each) => each.dataset.id);
  const turn = turns.find((each) => each.getBoundingClientRect().bottom > top);
  return turn
    ? { turn: turn.dataset.id, above: Math.round(top - turn.getBoundingClientRect().top) }
    : null;
}

// Restores a position of readingPosition() and holds it until the user scrolls.
export function restorePosition(position) {
  target = position ?? "end";
  applyTarget();
}

function applyTarget() {
  if (!target || !scroller.checkVisibility()) return;
  const container = scrollContainer();
  const turn = target === "end" ? null : byId("thread").querySelector(`[data-id="${target.turn}"]`);
  if (turn)
    container.scrollTop += turn.getBoundingClientRect().top + target.above - topEdge(container);
  else container.scrollTop = byId("thread").childElementCount ? container.scrollHeight : 0; // the welcome page starts at its top
  lastState = { top: container.scrollTop, height: container.scrollHeight };
}

// The user scrolled if the position changed without the content growing.
function onScroll() {
  const { scrollTop, scrollHeight } = scrollContainer();
  if (target && scrollHeight === lastState.height && Math.abs(scrollTop - lastState.top) > 2)
    target = null;
}

function onUserInput({ type, target: element }) {
  if (type !== "keydown" || !["INPUT", "TEXTAREA"].includes(element.tagName)) target = null;
}

export function startScrollPosition() {
  new ResizeObserver(applyTarget).observe(byId("thread"));
  for (const container of [scroller, window])
    container.addEventListener("scroll", onScroll, { passive: true });
  for (const kind of ["wheel", "touchmove", "keydown", "pointerdown"]) {
    addEventListener(kind, onUserInput, { passive: true, capture: true });
  }
}
