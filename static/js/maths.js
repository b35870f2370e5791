// Sets a formula as MathML, which browsers draw themselves.
// Knows nothing about Markdown; it comes with the first formula.
import temml from "../vendor/temml/temml.js";

const LONGEST = 5000;

// `code` holds the TeX; what cannot be read stays as it is.
export function typeset(code) {
  const tex = code.textContent;
  if (tex.length > LONGEST) return;
  const display = code.classList.contains("display");
  const place = document.createElement("span");
  place.className = code.className;
  try {
    temml.render(tex, place, { displayMode: display, throwOnError: true, trust: false, maxExpand: 200 });
  } catch {
    return;
  }
  code.replaceWith(place);
}
