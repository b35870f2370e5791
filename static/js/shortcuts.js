// Keyboard shortcuts of the whole page.
import { byId } from "./element.js";
import { currentTab } from "./tabs.js";
import { announceTooLate, canUndo, undoLast } from "./undo.js";

export function startShortcuts({ stop, newChat, editLast }) {
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.isComposing) return;
    const hasModifier = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") {
      stop();
      byId("completion-stop-button").click();
    } else if (hasModifier && event.key === "/") {
      event.preventDefault();
      byId("help").showModal();
    } else if (hasModifier && event.shiftKey && event.key.toLowerCase() === "o") {
      event.preventDefault();
      newChat();
    } else if (
      hasModifier &&
      !event.shiftKey &&
      event.key.toLowerCase() === "z" &&
      !event.target.value
    ) {
      undo(event);
    } else if (
      event.key === "ArrowUp" &&
      event.target === byId("chat-message") &&
      !event.target.value
    ) {
      event.preventDefault();
      if (currentTab() === "chat") editLast();
    }
  });
}

// The browser may undo something in the empty text box itself; check after its default action.
function undo(event) {
  if (!canUndo()) {
    setTimeout(() => event.target.value || announceTooLate());
    return;
  }
  event.preventDefault();
  undoLast();
}
