// Renders a formula as MathML. Loaded with the first formula.
import temml from "../vendor/temml/temml.js";
import { memoizeNodes } from "./memoize.js";

const LONGEST = 5000;

// `code` holds the TeX; it stays if it is invalid.
export function typeset(code) {
  const tex = code.textContent;
  const made = tex.length > LONGEST ? null : formula(tex, code.className);
  if (made) code.replaceWith(made);
}

const formula = memoizeNodes((tex, className) => {
  const place = document.createElement("span");
  place.className = className;
  const displayMode = place.classList.contains("display");
  try {
    temml.render(tex, place, { displayMode, throwOnError: true, trust: false, maxExpand: 200 });
  } catch {
    return null;
  }
  return place;
});
