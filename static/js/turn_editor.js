// Edits a turn in place.

import { t } from "./bootstrap.js";
import { element } from "./element.js";
import { isSendKey } from "./send_key.js";

export function openEditor(text, footer, node, context, actions) {
  const isUser = node.role === "user";
  const textarea = element("textarea", {
    class: "editor",
    "aria-label": t(isUser ? "edit_yours" : "edit_answer"),
  });
  textarea.value = node.content;
  const close = () => {
    form.replaceWith(text);
    footer.hidden = false;
    footer.querySelector("[data-action=edit]").focus();
  };
  const submit = (action) => {
    if (!textarea.value.trim() || actions.isBusy()) return;
    const content = textarea.value;
    close();
    action(node, content);
  };
  const button = (key, style, onClick) =>
    element("button", { type: "button", class: style, onclick: onClick }, t(key));
  const generateAction = isUser
    ? ["save_and_send", actions.saveAndSend]
    : ["save_and_continue", actions.saveAndContinue];
  const canGenerate = isUser || context.last;
  const form = element(
    "div",
    { class: "editing" },
    textarea,
    element(
      "p",
      { class: "actions" },
      button("cancel", "outlined", close),
      button("save", canGenerate ? "outlined" : "solid", () => submit(actions.save)),
      canGenerate ? button(generateAction[0], "solid", () => submit(generateAction[1])) : null,
    ),
  );
  textarea.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (isSendKey(event) && (isUser || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit(isUser ? actions.saveAndSend : actions.save);
    }
  });
  text.replaceWith(form);
  footer.hidden = true;
  textarea.focus();
}
