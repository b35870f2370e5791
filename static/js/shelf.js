// The list of conversations kept in this browser: open one, begin one, remove them.
// Knows nothing about turns, or about files (shelf_files.js).
import { answerIn, stop, stopAll } from "./answering.js";
import { failureIn } from "./asking.js";
import { agreed } from "./dialogs.js";
import { arrange, byId, element, iconButton } from "./element.js";
import { say } from "./given.js";
import { closeSheet, startPanel } from "./panel.js";
import { Roving } from "./roving.js";
import { startShelfFiles } from "./shelf_files.js";
import { forget, heads, undoable } from "./store.js";
import { startStoreFull } from "./store_full.js";
import { offerUndo } from "./undo.js";

const items = new Map(); // by the conversation's id
const roving = new Roving(byId("conversations"));
let current = null;
let open = () => {};
let restored = () => {};

// `given.open` shows a conversation, null a new one; `given.restored` is told which is there again.
export function startShelf(given) {
  ({ restored } = given);
  open = (id) => {
    given.open(id);
    closeSheet("shelf", byId("shelf-open"));
  };
  const redraw = () => draw(current);
  startPanel(byId("shelf"), byId("shelf-open"));
  byId("new-chat").addEventListener("click", () => open(null));
  byId("clear-all").addEventListener("click", clearAll);
  startShelfFiles({ restored });
  startStoreFull({ redraw });
  return { draw, fresh: () => open(null) };
}

function draw(id) {
  current = id;
  const kept = heads();
  for (const gone of items.keys()) if (!kept.some((each) => each.id === gone)) items.delete(gone);
  arrange(byId("conversations"), kept.map(item));
  roving.settle(items.get(id)?.element ?? byId("conversations").firstElementChild);
}

function item({ id, title }) {
  const running = answerIn(id) !== null;
  const state = running ? "writing" : failureIn(id) && id !== current ? "failed" : "";
  const about = JSON.stringify([title, id === current, state]);
  const own = items.get(id) ?? { element: element("li"), about: null };
  items.set(id, own);
  if (own.about !== about) fill(own.element, id, title || say("untitled"), state);
  own.about = about;
  return own.element;
}

// The same two buttons as before, so that neither loses the focus.
function fill(place, id, title, state) {
  if (!place.firstChild) {
    place.append(
      element("button", {
        type: "button",
        class: "conversation",
        "data-action": "open",
        onclick: () => open(id),
      }),
      iconButton("bin", "", () => drop(id), { "data-action": "drop" }),
    );
  }
  const [name, bin] = place.children;
  name.title = title;
  if (id === current) name.setAttribute("aria-current", "true");
  else name.removeAttribute("aria-current");
  name.replaceChildren(title, ...(state ? [dot(state)] : []));
  bin.title = say("remove_named", { title });
  bin.setAttribute("aria-label", bin.title);
}

const dot = (state) =>
  element(
    "span",
    { class: `dot ${state}` },
    element("span", { class: "visually-hidden" }, ` ${say(`mark_${state}`)}`),
  );

async function drop(id) {
  const byKeyboard = document.activeElement.matches(":focus-visible");
  await stop(id);
  const title = heads().find((each) => each.id === id)?.title || say("untitled");
  const words = say("chat_removed", { title });
  takeAway([id], words, byKeyboard);
}

async function clearAll() {
  if (!heads().length || !(await agreed(say("clear_question"), say("remove_all")))) return;
  await stopAll();
  const ids = heads().map(({ id }) => id);
  takeAway(ids, say("chats_removed", { count: ids.length }), true);
}

function takeAway(ids, words, byKeyboard) {
  const before = current;
  const undo = undoable(() => ids.forEach(forget));
  if (ids.includes(current)) open(null);
  else draw(current);
  const takeBack = () => {
    undo();
    restored(ids.includes(before) ? before : ids[0]);
  };
  offerUndo(words, takeBack, byKeyboard);
}
