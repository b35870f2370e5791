// Says that the browser has no room for what was said, and makes some, or that it forbids storage.
// Knows nothing about how conversations are listed.
import { byId, element } from "./element.js";
import { say } from "./given.js";
import { closeButton, sentences } from "./notices.js";
import { exportAll } from "./shelf_files.js";
import { onFull, writeWaiting } from "./storage.js";
import { forget, heads, undoable } from "./store.js";
import { offerUndo } from "./undo.js";

export function startStoreFull({ redraw }) {
  onFull((forbidden) => show(forbidden, redraw));
}

function show(forbidden, redraw) {
  const box = byId("chat-failure");
  const button = (key, pressed) =>
    element("button", { type: "button", class: "outlined", onclick: pressed }, say(key));
  const makeRoom = () => {
    box.hidden = true;
    removeOlder(redraw);
  };
  box.replaceChildren(
    forbidden
      ? sentences(say("store_forbidden"), say("next_store_forbidden"))
      : sentences(say("store_full"), say("next_store_full")),
    button("export", exportAll),
    heads().length > 1 && !forbidden ? button("remove_older", makeRoom) : "",
    closeButton("chat"),
  );
  box.hidden = false;
}

function removeOlder(redraw) {
  const older = heads().slice(Math.ceil(heads().length / 2));
  const undo = undoable(() => {
    for (const { id } of older) forget(id);
  });
  writeWaiting();
  redraw();
  offerUndo(say("chats_removed", { count: older.length }), () => {
    undo();
    redraw();
  });
}
