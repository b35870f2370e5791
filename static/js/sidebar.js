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
let open = () => {};
let restored = () => {};

// `open` shows a conversation, or a new one for null; `onRestore` is called with the id of a
// restored one.
export function startSidebar(given) {
  ({ restored } = given);
  open = (id) => {
    given.open(id);
    closeSheet("sidebar", byId("sidebar-toggle"));
  };
  const redraw = () => draw(current);
  startPanel(byId("sidebar"), byId("sidebar-toggle"));
  byId("new-chat").addEventListener("click", () => open(null));
  byId("clear-all").addEventListener("click", clearAll);
  startImportExport({ restored });
  startStorageFull({ redraw });
  return { draw, fresh: () => open(null) };
}

function draw(id) {
  current = id;
  const kept = conversationHeads();
  for (const gone of items.keys()) if (!kept.some((each) => each.id === gone)) items.delete(gone);
  syncChildren(byId("conversations"), kept.map(item));
  roving.settle(items.get(id)?.element ?? byId("conversations").firstElementChild);
}

function item({ id, title }) {
  const running = runningAnswer(id) !== null;
  const state = running ? "writing" : failureOf(id) && id !== current ? "failed" : "";
  const about = JSON.stringify([title, id === current, state]);
  const own = items.get(id) ?? { element: element("li"), about: null };
  items.set(id, own);
  if (own.about !== about) fill(own.element, id, title || t("untitled"), state);
  own.about = about;
  return own.element;
}

// Reuses the two buttons, so that they keep focus.
function fill(place, id, title, state) {
  if (!place.firstChild) {
    place.append(
      element("button", {
        type: "button",
        class: "conversation",
        "data-action": "open",
        onclick: () => open(id),
      }),
      iconButton("delete", "", () => drop(id), { "data-action": "delete" }),
    );
  }
  const [name, bin] = place.children;
  name.title = title;
  if (id === current) name.setAttribute("aria-current", "true");
  else name.removeAttribute("aria-current");
  name.replaceChildren(title, ...(state ? [dot(state)] : []));
  bin.title = t("remove_named", { title });
  bin.setAttribute("aria-label", bin.title);
}

const dot = (state) =>
  element(
    "span",
    { class: `dot ${state}` },
    element("span", { class: "visually-hidden" }, ` ${t(`mark_${state}`)}`),
  );

async function drop(id) {
  const byKeyboard = document.activeElement.matches(":focus-visible");
  await stopAnswer(id);
  const title = conversationHeads().find((each) => each.id === id)?.title || t("untitled");
  const words = t("chat_removed", { title });
  takeAway([id], words, byKeyboard);
}

async function clearAll() {
  if (!conversationHeads().length || !(await confirmDialog(t("clear_question"), t("remove_all"))))
    return;
  await stopAllAnswers();
  const ids = conversationHeads().map(({ id }) => id);
  takeAway(ids, t("chats_removed", { count: ids.length }), true);
}

function takeAway(ids, words, byKeyboard) {
  const before = current;
  const undo = undoable(() => ids.forEach(deleteConversation));
  if (ids.includes(current)) open(null);
  else draw(current);
  const takeBack = () => {
    undo();
    restored(ids.includes(before) ? before : ids[0]);
  };
  offerUndo(words, takeBack, byKeyboard);
}
