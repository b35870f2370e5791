// Renders a formula as MathML. Loaded with the first formula.
import temml from "../vendor/temml/temml.js";
import { memoizeNodes } from "./memoize.js";

const MAX_LENGTH = 5000;

// `code` holds the TeX; it stays if it is invalid.
export function typeset(code) {
  const tex = code.textContent;
  const rendered = tex.length > MAX_LENGTH ? null : formula(tex, code.className);
  if (rendered) code.replaceWith(rendered);
}

const formula = memoizeNodes((tex, className) => {
  const container = document.createElement("span");
  container.className = className;
  const displayMode = container.classList.contains("display");
  try {
    temml.render(tex, container, { displayMode, throwOnError: true, trust: false, maxExpand: 200 });
  } catch {
    return null;
  }
  return container;
});
