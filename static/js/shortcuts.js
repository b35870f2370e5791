// Keys that work anywhere on the page.
// Knows nothing about what they set off.
import { byId } from "./element.js";
import { currentRoom } from "./rooms.js";
import { canUndo, undoLast } from "./undo.js";

export function startShortcuts({ stop, fresh, editLast }) {
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.isComposing) return;
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") {
      stop();
      byId("completion-halt").click();
    } else if (command && event.key === "/") {
      event.preventDefault();
      byId("help").showModal();
    } else if (command && event.shiftKey && event.key.toLowerCase() === "o") {
      event.preventDefault();
      fresh();
    } else if (command && !event.shiftKey && event.key.toLowerCase() === "z" && canUndo() && !event.target.value) {
      event.preventDefault();
      undoLast();
    } else if (event.key === "ArrowUp" && event.target === byId("chat-message") && !event.target.value) {
      event.preventDefault();
      if (currentRoom() === "chat") editLast();
    }
  });
}
