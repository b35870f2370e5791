// Keeps keyboard focus on the page: when the focused element is removed or hidden, the nearest
// focusable element gets it.
const REACHABLE = ":is(a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex])";
const WATCHED = {
  childList: true,
  subtree: true,
  attributes: true,
  attributeFilter: ["hidden", "open", "class"],
};

let held = null; // the element that had focus last
let way = []; // its position: each ancestor, and its index there

export function startFocusKeeper() {
  addEventListener("focusin", ({ target }) => {
    held = target;
    way = wayTo(target);
  });
  // A click on an empty part of the page removes focus on purpose.
  addEventListener("click", () => {
    if (document.activeElement === document.body && held?.isConnected && seen(held)) held = null;
  });
  let waiting = false;
  const look = () => {
    waiting = false;
    keep();
  };
  // Deferred: the code that changed the page may move focus itself.
  new MutationObserver((changes) => {
    if (waiting || !held || (held.isConnected && changes.every(({ type }) => type === "childList")))
      return;
    waiting = true;
    setTimeout(look);
  }).observe(document.body, WATCHED);
}

function keep() {
  const now = document.activeElement;
  const elsewhere = now !== document.body && now !== held;
  if (!held || elsewhere || (held.isConnected && seen(held))) return;
  if (document.querySelector("dialog[open]")?.contains(held) === false) return;
  nearest()?.focus({ preventScroll: true });
}

function wayTo(target) {
  const steps = [];
  for (
    let child = target;
    child.parentElement && child !== document.body;
    child = child.parentElement
  ) {
    steps.push({
      around: child.parentElement,
      place: [...child.parentElement.children].indexOf(child),
    });
  }
  return steps;
}

function nearest() {
  const { action } = held.dataset;
  for (const { around, place } of way) {
    if (!around.isConnected || !seen(around)) continue;
    const far = (child) => Math.abs(place - 0.25 - [...around.children].indexOf(child));
    const near = [...around.children].sort((a, b) => far(a) - far(b));
    const same = action && near[0]?.querySelector(`[data-action="${action}"]`);
    const found = [same, ...near.flatMap(within), around].find(
      (each) => each?.matches(REACHABLE) && seen(each),
    );
    if (found) return found;
  }
  return null;
}

// The focusable elements in a subtree, its root first.
const within = (place) =>
  place ? [...(place.matches(REACHABLE) ? [place] : []), ...place.querySelectorAll(REACHABLE)] : [];

const seen = (each) => each.checkVisibility({ visibilityProperty: true });
