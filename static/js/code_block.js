// Wraps a code block: language label, copy button, syntax highlighting.

import { t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton } from "./element.js";

let highlighter = null; // the module, loaded with the first finished code block

export function wrapCodeBlock(block, isFinished) {
  const code = block.querySelector("code");
  const name = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  const head = element(
    "div",
    { class: "code-head" },
    element("span", {}, name),
    iconButton("copy", t("copy_code"), copyCode, { tabindex: "-1" }),
  );
  block.setAttribute("tabindex", "-1");
  const wrapper = element("div", { class: "code-block", dir: "ltr" }, head);
  block.replaceWith(wrapper);
  wrapper.append(block);
  if (!name || !isFinished) return;
  if (highlighter) highlighter.highlight(code, name);
  else
    import("./highlight.js").then(
      (module) => (highlighter = module).highlight(code, name),
      keepPlain,
    );
}

const keepPlain = () => {}; // if loading fails the code stays plain

// Reads the code when the button is pressed: it may have grown.
function copyCode({ currentTarget }) {
  copy(currentTarget.closest(".code-block").querySelector("code").textContent, currentTarget);
}
