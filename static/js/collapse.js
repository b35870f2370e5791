// Collapses a long text, so that a pasted document does not push its answer out of sight.

import { formatNumber, t } from "./bootstrap.js";
import { element } from "./element.js";

const MAX_CHARACTERS = 2500;
const MAX_LINES = 40;

// Returns a button that expands and collapses the text in `container`; null if it is short.
export function collapseLongText(container, text) {
  const isLong = text.length > MAX_CHARACTERS || text.split("\n", MAX_LINES + 1).length > MAX_LINES;
  container.classList.toggle("collapsed", isLong);
  if (!isLong) return null;
  const label = () =>
    container.classList.contains("collapsed")
      ? t("show_all", { count: formatNumber(text.length) })
      : t("show_less");
  const button = element(
    "button",
    { type: "button", class: "quiet collapse-toggle", "aria-expanded": "false" },
    label(),
  );
  button.addEventListener("click", () => {
    const collapsed = container.classList.toggle("collapsed");
    button.setAttribute("aria-expanded", !collapsed);
    button.textContent = label();
  });
  return button;
}
