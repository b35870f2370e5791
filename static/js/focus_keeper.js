// Keeps keyboard focus on the page: when the focused element is removed or hidden, the nearest
// focusable element gets it.
const FOCUSABLE = ":is(a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex])";
const OBSERVED = {
  childList: true,
  subtree: true,
  attributes: true,
  attributeFilter: ["hidden", "open", "class"],
};

let lastFocused = null; // the element that had focus last
let ancestors = []; // its position: each ancestor, and its index there

export function startFocusKeeper() {
  addEventListener("focusin", ({ target }) => {
    lastFocused = target;
    ancestors = ancestorsOf(target);
  });
  // A click on an empty part of the page removes focus on purpose.
  addEventListener("click", () => {
    if (
      document.activeElement === document.body &&
      lastFocused?.isConnected &&
      isVisible(lastFocused)
    )
      lastFocused = null;
  });
  let scheduled = false;
  const check = () => {
    scheduled = false;
    restoreFocus();
  };
  // Deferred: the code that changed the page may move focus itself.
  new MutationObserver((changes) => {
    if (
      scheduled ||
      !lastFocused ||
      (lastFocused.isConnected && changes.every(({ type }) => type === "childList"))
    )
      return;
    scheduled = true;
    setTimeout(check);
  }).observe(document.body, OBSERVED);
}

function restoreFocus() {
  const focused = document.activeElement;
  const isElsewhere = focused !== document.body && focused !== lastFocused;
  if (!lastFocused || isElsewhere || (lastFocused.isConnected && isVisible(lastFocused))) return;
  if (document.querySelector("dialog[open]")?.contains(lastFocused) === false) return;
  nearest()?.focus({ preventScroll: true });
}

function ancestorsOf(target) {
  const steps = [];
  for (
    let child = target;
    child.parentElement && child !== document.body;
    child = child.parentElement
  ) {
    steps.push({
      parent: child.parentElement,
      index: [...child.parentElement.children].indexOf(child),
    });
  }
  return steps;
}

function nearest() {
  const { action } = lastFocused.dataset;
  for (const { parent, index } of ancestors) {
    if (!parent.isConnected || !isVisible(parent)) continue;
    const distance = (child) => Math.abs(index - 0.25 - [...parent.children].indexOf(child));
    const siblings = [...parent.children].sort((a, b) => distance(a) - distance(b));
    const sameAction = action && siblings[0]?.querySelector(`[data-action="${action}"]`);
    const target = [sameAction, ...siblings.flatMap(focusableIn), parent].find(
      (candidate) => candidate?.matches(FOCUSABLE) && isVisible(candidate),
    );
    if (target) return target;
  }
  return null;
}

// The focusable elements in a subtree, its root first.
const focusableIn = (root) =>
  root ? [...(root.matches(FOCUSABLE) ? [root] : []), ...root.querySelectorAll(FOCUSABLE)] : [];

const isVisible = (candidate) => candidate.checkVisibility({ visibilityProperty: true });
