// The chat's composer: text box, Send and Stop buttons, queued messages, examples.

import { t } from "./bootstrap.js";
import { byId, element, iconButton } from "./element.js";
import { isSendKey } from "./send_key.js";

let busy = false;

export const composerText = () => byId("chat-message").value;

// The first example's text.
export const exampleText = () => byId("welcome").querySelector("[data-example]").textContent;

// `onDraft` is called with the text whenever the user has changed it.
export function startComposer({ send, stop, onDraft }) {
  const box = byId("chat-message");
  const submit = (event) => {
    event.preventDefault();
    send(box.value);
  };
  box.form.addEventListener("submit", submit);
  box.addEventListener("keydown", (event) => isSendKey(event) && submit(event));
  box.addEventListener("input", () => {
    onDraft(box.value);
    showBusy(busy);
  });
  byId("chat-stop-button").addEventListener("click", stop);
  byId("welcome").addEventListener("click", ({ target }) => {
    if (target.dataset.example) send(target.textContent);
  });
}

export const clearComposer = () => setComposerText("");

export function setComposerText(text) {
  if (composerText() !== text) byId("chat-message").value = text;
  showBusy(busy);
}

// On touch screens focus would open the keyboard.
export function focusComposer() {
  if (matchMedia("(pointer: fine)").matches) byId("chat-message").focus({ preventScroll: true });
}

// While an answer is being generated a message can be queued.
export function showBusy(isBusy) {
  busy = isBusy;
  byId("chat-send").hidden = busy && !composerText().trim();
  byId("chat-stop-button").hidden = !busy;
}

// Draws the queued messages; `unqueue` returns the text of one, joined with the draft.
export function drawQueue(texts, unqueue) {
  const shown = [...byId("chat-queue").children].map((item) => item.textContent);
  if (JSON.stringify(shown) === JSON.stringify(texts)) return;
  const items = texts.map((text, index) =>
    element(
      "li",
      {},
      element("span", {}, text),
      iconButton("close", t("unqueue"), () => {
        setComposerText(unqueue(index));
        byId("chat-message").dispatchEvent(new Event("input"));
        focusComposer();
      }),
    ),
  );
  byId("chat-queue").replaceChildren(...items);
  byId("chat-queue-area").hidden = !texts.length;
}
