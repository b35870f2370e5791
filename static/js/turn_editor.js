// Edits a turn in place.

import { t } from "./bootstrap.js";
import { element } from "./element.js";
import { isSendKey } from "./send_key.js";

export function openEditor(text, foot, node, about, actions) {
  const mine = node.role === "user";
  const area = element("textarea", {
    class: "editor",
    "aria-label": t(mine ? "edit_yours" : "edit_answer"),
  });
  area.value = node.content;
  const close = () => {
    form.replaceWith(text);
    foot.hidden = false;
    foot.querySelector("[data-action=edit]").focus();
  };
  const finish = (action) => {
    if (!area.value.trim() || actions.busy()) return;
    const content = area.value;
    close();
    action(node, content);
  };
  const button = (key, style, pressed) =>
    element("button", { type: "button", class: style, onclick: pressed }, t(key));
  const onward = mine
    ? ["save_and_send", actions.saveAndSend]
    : ["save_and_continue", actions.saveAndGoOn];
  const further = mine || about.last;
  const form = element(
    "div",
    { class: "editing" },
    area,
    element(
      "p",
      { class: "actions" },
      button("cancel", "outlined", close),
      button("save", further ? "outlined" : "solid", () => finish(actions.save)),
      further ? button(onward[0], "solid", () => finish(onward[1])) : null,
    ),
  );
  area.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      close();
    } else if (isSendKey(event) && (mine || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      finish(mine ? actions.saveAndSend : actions.save);
    }
  });
  text.replaceWith(form);
  foot.hidden = true;
  area.focus();
}
