// Copies a text and shows a check mark on the button for a moment.

import { t } from "./bootstrap.js";
import { icon } from "./element.js";
import { announce } from "./notices.js";

export async function copy(text, button) {
  if (!(await copyText(text))) {
    announce(t("copy_failed"));
    return;
  }
  announce(t("copied"));
  const previous = button.querySelector(".icon");
  if (!previous || button.dataset.copied !== undefined) return;
  const copied = icon("check");
  previous.replaceWith(copied);
  button.dataset.copied = "";
  setTimeout(() => {
    copied.replaceWith(previous);
    delete button.dataset.copied;
  }, 1500);
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelection(text); // over plain HTTP there is no navigator.clipboard
  }
}

function copySelection(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  const container = document.querySelector("dialog[open]") ?? document.body;
  const focused = document.activeElement;
  container.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return copied;
}
