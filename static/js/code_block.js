// Wraps a code block: language label, copy button, syntax highlighting.

import { t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton } from "./element.js";

let colours = null; // the module, loaded with the first finished code block

export function wrapCodeBlock(block, ended) {
  const code = block.querySelector("code");
  const name = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  const head = element(
    "div",
    { class: "code-head" },
    element("span", {}, name),
    iconButton("copy", t("copy_code"), copyCode, { tabindex: "-1" }),
  );
  block.setAttribute("tabindex", "-1");
  const around = element("div", { class: "code-block", dir: "ltr" }, head);
  block.replaceWith(around);
  around.append(block);
  if (!name || !ended) return;
  if (colours) colours.highlight(code, name);
  else import("./highlight.js").then((module) => (colours = module).highlight(code, name), plain);
}

const plain = () => {}; // if loading fails the code stays plain

// Reads the code when the button is pressed: it may have grown.
function copyCode({ currentTarget }) {
  copy(currentTarget.closest(".code-block").querySelector("code").textContent, currentTarget);
}
