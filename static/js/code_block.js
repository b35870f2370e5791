// The frame around a block of code: its language, a button that copies it, and its colours.
// Knows nothing about Markdown, or about how code is coloured.

import { t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton } from "./element.js";

let colours = null; // the module: it comes with the first code that has ended

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

const plain = () => {}; // what does not come leaves the code as it is

// The code that stands there when the button is pressed: it may have grown.
function copyCode({ currentTarget }) {
  copy(currentTarget.closest(".code-block").querySelector("code").textContent, currentTarget);
}
