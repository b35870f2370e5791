// Collapses a long text, so that a pasted document does not push its answer out of sight.

import { formatNumber, t } from "./bootstrap.js";
import { element } from "./element.js";

const MOST_CHARACTERS = 2500;
const MOST_LINES = 40;

// Returns a button that expands and collapses the text in `container`; null if it is short.
export function collapseLongText(place, text) {
  const long =
    text.length > MOST_CHARACTERS || text.split("\n", MOST_LINES + 1).length > MOST_LINES;
  place.classList.toggle("collapsed", long);
  if (!long) return null;
  const name = () =>
    place.classList.contains("collapsed")
      ? t("show_all", { count: formatNumber(text.length) })
      : t("show_less");
  const button = element(
    "button",
    { type: "button", class: "quiet collapse-toggle", "aria-expanded": "false" },
    name(),
  );
  button.addEventListener("click", () => {
    const cut = place.classList.toggle("collapsed");
    button.setAttribute("aria-expanded", !cut);
    button.textContent = name();
  });
  return button;
}
