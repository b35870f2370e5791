// The turns of a conversation on the page, drawn anew only where something has changed.
// Knows nothing about what its buttons do.
import { arrange, byId, element } from "./element.js";
import { say } from "./given.js";
import { Roving } from "./roving.js";
import { scroller } from "./scroller.js";
import { branches, path } from "./tree.js";
import { TurnView } from "./turn.js";

const views = new Map(); // by the turn's id
const roving = new Roving(byId("thread"));

export function showThread(conversation, live, actions) {
  const turns = path(conversation);
  for (const id of views.keys()) if (!turns.some((node) => node.id === id)) views.delete(id);
  const folded = Math.min(conversation.folded ?? 0, turns.length);
  const elements = turns.map((node, place) => {
    const view = views.get(node.id) ?? new TurnView(node, actions);
    views.set(node.id, view);
    const about = { branches: branches(conversation, node), last: place === turns.length - 1 };
    view.update(node, {
      ...about,
      busy: live !== null,
      live: node === live,
      folded: place < folded,
    });
    return view.element;
  });
  if (folded) elements.splice(folded, 0, foldedLine(folded));
  arrange(byId("thread"), elements);
  roving.settle();
  if (turns.length) scroller.follow();
}

export const liveTurn = (id) => views.get(id);

// Puts the focus on one of a turn's buttons, and presses it if asked.
export function focusTurn(id, action, press = false) {
  const button = views.get(id)?.element.querySelector(`[data-action="${action}"]`);
  button?.focus();
  if (press) button?.click();
}

function foldedLine(count) {
  return element("li", { class: "folded-line" }, element("span", {}, say("folded", { count })));
}
