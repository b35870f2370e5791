// The turns of a conversation; redraws only what has changed.

import { autoScroll } from "./auto_scroll.js";
import { t } from "./bootstrap.js";
import { activePath, branches } from "./conversation_tree.js";
import { byId, element, syncChildren } from "./element.js";
import { RovingTabindex } from "./roving_tabindex.js";
import { TurnView } from "./turn_view.js";

const views = new Map(); // by turn id
const roving = new RovingTabindex(byId("thread"));

export function showThread(conversation, liveNode, actions) {
  const turns = activePath(conversation);
  for (const id of views.keys()) if (!turns.some((node) => node.id === id)) views.delete(id);
  const truncated = Math.min(conversation.truncated ?? 0, turns.length);
  const elements = turns.map((node, index) => {
    const view = views.get(node.id) ?? new TurnView(node, actions);
    views.set(node.id, view);
    const context = { branches: branches(conversation, node), last: index === turns.length - 1 };
    view.update(node, {
      ...context,
      busy: liveNode !== null,
      live: node === liveNode,
      truncated: index < truncated,
    });
    return view.element;
  });
  if (truncated) elements.splice(truncated, 0, truncationLine(truncated));
  syncChildren(byId("thread"), elements);
  roving.settle();
  if (turns.length) autoScroll.follow();
}

export const turnView = (id) => views.get(id);

// Focuses one of a turn's buttons, and clicks it if `press`.
export function focusTurn(id, action, press = false) {
  const button = views.get(id)?.element.querySelector(`[data-action="${action}"]`);
  button?.focus();
  if (press) button?.click();
}

function truncationLine(count) {
  return element(
    "li",
    { class: "truncation-line" },
    element("span", {}, t("truncated", { count })),
  );
}
