// Copies a text and shows a check mark on the button for a moment.

import { t } from "./bootstrap.js";
import { icon } from "./element.js";
import { announce } from "./notices.js";

export async function copy(text, button) {
  if (!(await written(text))) {
    announce(t("copy_failed"));
    return;
  }
  announce(t("copied"));
  const old = button.querySelector(".icon");
  if (!old || button.dataset.copied !== undefined) return;
  const done = icon("check");
  old.replaceWith(done);
  button.dataset.copied = "";
  setTimeout(() => {
    done.replaceWith(old);
    delete button.dataset.copied;
  }, 1500);
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return selectedAndCopied(text); // over plain HTTP there is no navigator.clipboard
  }
}

function selectedAndCopied(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  const place = document.querySelector("dialog[open]") ?? document.body;
  const focused = document.activeElement;
  place.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  focused?.focus();
  return done;
}
