// Opens and closes dialogs, and asks a question that must be answered.
// Knows nothing about what is in them.
import { byId } from "./element.js";

export function startDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("[data-close]")) dialog.close("no");
    });
  }
  byId("help-open").addEventListener("click", () => byId("help").showModal());
}

// Other pages lead to a dialog by its name; it opens as if its button had been pressed.
const OPENERS = { "#about-model": "model-open", "#key": "key-open", "#help": "help-open" };

export function openFromHash() {
  const opener = byId(OPENERS[location.hash]);
  if (!opener) return;
  history.replaceState(null, "", location.pathname + location.search);
  opener.focus();
  opener.click();
}

// True when the person agrees.
export function confirmDialog(question, yes) {
  const dialog = byId("confirm");
  byId("confirm-text").textContent = question;
  byId("confirm-yes").textContent = yes;
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
