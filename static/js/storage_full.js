// Shows that storage is full, with buttons to export and to remove old conversations, or that it is
// blocked.

import { t } from "./bootstrap.js";
import { conversationHeads, deleteConversation, undoable } from "./conversation_store.js";
import { byId, element } from "./element.js";
import { exportConversations } from "./import_export.js";
import { dismissButton, errorParagraph } from "./notices.js";
import { onWriteError, retryFailedWrites } from "./storage.js";
import { offerUndo } from "./undo.js";

export function startStorageFull({ redraw }) {
  onWriteError((isBlocked) => show(isBlocked, redraw));
}

function show(isBlocked, redraw) {
  const box = byId("chat-failure");
  const button = (key, onClick) =>
    element("button", { type: "button", class: "outlined", onclick: onClick }, t(key));
  const removeAndRetry = () => {
    box.hidden = true;
    removeOlder(redraw);
  };
  box.replaceChildren(
    isBlocked
      ? errorParagraph(t("store_forbidden"), t("next_store_forbidden"))
      : errorParagraph(t("store_full"), t("next_store_full")),
    button("export", exportConversations),
    conversationHeads().length > 1 && !isBlocked ? button("remove_older", removeAndRetry) : "",
    dismissButton("chat"),
  );
  box.hidden = false;
}

function removeOlder(redraw) {
  const oldest = conversationHeads().slice(Math.ceil(conversationHeads().length / 2));
  const undo = undoable(() => {
    for (const { id } of oldest) deleteConversation(id);
  });
  retryFailedWrites();
  redraw();
  offerUndo(t("chats_removed", { count: oldest.length }), () => {
    undo();
    redraw();
  });
}
