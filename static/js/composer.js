// The box a person writes in: what sends, what stops, and the examples over it.
// Knows nothing about conversations.
import { byId } from "./element.js";
import { sends } from "./enter.js";

export const written = () => byId("chat-message").value;

// An example's words, for whoever wants to see a request before writing one.
export const example = () => byId("welcome").querySelector("[data-example]").textContent;

export function startComposer({ send, stop }) {
  const box = byId("chat-message");
  const take = (event) => {
    event.preventDefault();
    send(box.value);
  };
  box.form.addEventListener("submit", take);
  box.addEventListener("keydown", (event) => sends(event) && take(event));
  byId("chat-halt").addEventListener("click", stop);
  byId("welcome").addEventListener("click", ({ target }) => {
    if (target.dataset.example) send(target.textContent);
  });
}

export function empty() {
  byId("chat-message").value = "";
}

// On a touch screen the focus would open the keyboard.
export function focusBox() {
  if (matchMedia("(pointer: fine)").matches) byId("chat-message").focus({ preventScroll: true });
}

export function showBusy(busy) {
  byId("chat-send").hidden = busy;
  byId("chat-halt").hidden = !busy;
}
