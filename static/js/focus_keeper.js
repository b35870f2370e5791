// Keeps the focus on the page: when what has it is taken away or hidden, what stands nearest gets it.
// Knows nothing about what that is, or who took it away.
const REACHABLE = ":is(a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex])";
const WATCHED = {
  childList: true,
  subtree: true,
  attributes: true,
  attributeFilter: ["hidden", "open", "class"],
};

let held = null; // what had the focus last
let way = []; // where it stood: each element around it, and its place in there

export function startFocusKeeper() {
  addEventListener("focusin", ({ target }) => {
    held = target;
    way = wayTo(target);
  });
  // A person who clicks on an empty part of the page has left it, and nothing was taken away.
  addEventListener("click", () => {
    if (document.activeElement === document.body && held?.isConnected && seen(held)) held = null;
  });
  let waiting = false;
  const look = () => {
    waiting = false;
    keep();
  };
  // Not at once: who changes the page, or closes a window, may be about to give the focus itself.
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

// What can have the focus in there, itself first.
const within = (place) =>
  place ? [...(place.matches(REACHABLE) ? [place] : []), ...place.querySelectorAll(REACHABLE)] : [];

const seen = (each) => each.checkVisibility({ visibilityProperty: true });
