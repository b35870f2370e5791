// Opens and closes dialogs; asks for confirmation.
import { byId } from "./element.js";

export function startDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close("no");
    });
  }
  byId("help-open").addEventListener("click", () => byId("help").showModal());
}

// Links from other pages open a dialog by its fragment.
const OPENERS = { "#about-model": "model-open", "#key": "key-open", "#help": "help-open" };

export function openFromHash() {
  const opener = byId(OPENERS[location.hash]);
  if (!opener) return;
  history.replaceState(null, "", location.pathname + location.search);
  opener.focus();
  opener.click();
}

// Resolves to true if the user confirms.
export function confirmDialog(question, confirmLabel) {
  const dialog = byId("confirm");
  byId("confirm-text").textContent = question;
  byId("confirm-yes").textContent = confirmLabel;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
