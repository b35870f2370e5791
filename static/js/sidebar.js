// The sidebar: the list of conversations in this browser, to open, start and remove them.

import { t } from "./bootstrap.js";
import { conversationHeads, deleteConversation, undoable } from "./conversation_store.js";
import { confirmDialog } from "./dialogs.js";
import { byId, element, iconButton, syncChildren } from "./element.js";
import { startImportExport } from "./import_export.js";
import { closeSheet, startPanel } from "./panel.js";
import { RovingTabindex } from "./roving_tabindex.js";
import { runningAnswer, stopAllAnswers, stopAnswer } from "./running_answers.js";
import { startStorageFull } from "./storage_full.js";
import { failureOf } from "./submit.js";
import { offerUndo } from "./undo.js";

const items = new Map(); // by conversation id
const roving = new RovingTabindex(byId("conversations"));
let current = null;
let openConversation = () => {};
let onRestore = () => {};

// `callbacks.open` shows a conversation, or a new one for null; `callbacks.onRestore` is called with the id of a
// restored one.
export function startSidebar(callbacks) {
  ({ onRestore } = callbacks);
  openConversation = (id) => {
    callbacks.open(id);
    closeSheet("sidebar", byId("sidebar-toggle"));
  };
  const redraw = () => draw(current);
  startPanel(byId("sidebar"), byId("sidebar-toggle"));
  byId("new-chat").addEventListener("click", () => openConversation(null));
  byId("clear-all").addEventListener("click", clearAll);
  startImportExport({ onRestore });
  startStorageFull({ redraw });
  return { draw, newChat: () => openConversation(null) };
}

function draw(id) {
  current = id;
  const heads = conversationHeads();
  for (const oldId of items.keys())
    if (!heads.some((head) => head.id === oldId)) items.delete(oldId);
  syncChildren(byId("conversations"), heads.map(entryOf));
  roving.settle(items.get(id)?.element ?? byId("conversations").firstElementChild);
}

function entryOf({ id, title }) {
  const isRunning = runningAnswer(id) !== null;
  const state = isRunning ? "writing" : failureOf(id) && id !== current ? "failed" : "";
  const label = JSON.stringify([title, id === current, state]);
  const entry = items.get(id) ?? { element: element("li"), drawn: null };
  items.set(id, entry);
  if (entry.drawn !== label) drawEntry(entry.element, id, title || t("untitled"), state);
  entry.drawn = label;
  return entry.element;
}

// Reuses the two buttons, so that they keep focus.
function drawEntry(entryElement, id, title, state) {
  if (!entryElement.firstChild) {
    entryElement.append(
      element("button", {
        type: "button",
        class: "conversation",
        "data-action": "open",
        onclick: () => openConversation(id),
      }),
      iconButton("delete", "", () => deleteOne(id), { "data-action": "delete" }),
    );
  }
  const [name, deleteButton] = entryElement.children;
  name.title = title;
  if (id === current) name.setAttribute("aria-current", "true");
  else name.removeAttribute("aria-current");
  name.replaceChildren(title, ...(state ? [stateDot(state)] : []));
  deleteButton.title = t("remove_named", { title });
  deleteButton.setAttribute("aria-label", deleteButton.title);
}

const stateDot = (state) =>
  element(
    "span",
    { class: `dot ${state}` },
    element("span", { class: "visually-hidden" }, ` ${t(`mark_${state}`)}`),
  );

async function deleteOne(id) {
  const byKeyboard = document.activeElement.matches(":focus-visible");
  await stopAnswer(id);
  const title = conversationHeads().find((each) => each.id === id)?.title || t("untitled");
  const text = t("chat_removed", { title });
  removeWithUndo([id], text, byKeyboard);
}

async function clearAll() {
  if (!conversationHeads().length || !(await confirmDialog(t("clear_question"), t("remove_all"))))
    return;
  await stopAllAnswers();
  const ids = conversationHeads().map(({ id }) => id);
  removeWithUndo(ids, t("chats_removed", { count: ids.length }), true);
}

function removeWithUndo(ids, text, byKeyboard) {
  const previous = current;
  const undo = undoable(() => ids.forEach(deleteConversation));
  if (ids.includes(current)) openConversation(null);
  else draw(current);
  const undoRemoval = () => {
    undo();
    onRestore(ids.includes(previous) ? previous : ids[0]);
  };
  offerUndo(text, undoRemoval, byKeyboard);
}
