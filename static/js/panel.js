// A side panel: a column in wide windows, a sheet over the page in narrow ones. If only one column
// fits, opening one closes the other.
import { byId } from "./element.js";

// In narrower windows only one column fits beside a tab's content.
const ONE_COLUMN = matchMedia("(max-width: 70rem)");
const panels = []; // {panel, button}

const isSheet = (panel) => getComputedStyle(panel).position === "fixed";

// Elements above the sheets can be used without closing them.
const isAboveSheets = (target) => target.closest("[data-above-sheets]") !== null;

// `panel` is a <details>, or gets the class "open" or "closed" after `button` is pressed; before
// that it is open if it is a column.
export function startPanel(panel, button) {
  panels.push({ panel, button });
  panel.addEventListener("click", (event) => {
    if (event.target.closest("[data-close]")) close(panel, button);
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !isSheet(panel)) return;
    event.stopPropagation();
    close(panel, button);
  });
  // Keyboard focus must not end up behind a sheet.
  panel.addEventListener("focusout", ({ relatedTarget }) => {
    const isOutside =
      relatedTarget &&
      !panel.contains(relatedTarget) &&
      relatedTarget !== button &&
      !isAboveSheets(relatedTarget);
    if (isOutside && isSheet(panel)) toggle(panel, button, false);
  });
  button.addEventListener("click", () => {
    toggle(panel, button, !isOpen(panel));
    if (isOpen(panel)) closeOtherPanel(panel);
    if (isOpen(panel) && isSheet(panel)) panel.querySelector("[data-close]").focus();
  });
  document.addEventListener("pointerdown", ({ target }) => {
    const isOutside = !panel.contains(target) && !button.contains(target) && !isAboveSheets(target);
    if (isOutside && isOpen(panel) && isSheet(panel)) toggle(panel, button, false);
  });
  button.setAttribute("aria-expanded", isOpen(panel));
}

export function closeSheet(id, button) {
  if (isSheet(byId(id))) toggle(byId(id), button, false);
}

function closeOtherPanel(panel) {
  if (!ONE_COLUMN.matches) return;
  for (const other of panels) {
    const isBeside =
      other.panel !== panel && other.panel.closest(".tab-panel") === panel.closest(".tab-panel");
    if (isBeside && isOpen(other.panel)) toggle(other.panel, other.button, false);
  }
}

function isOpen(panel) {
  if (panel.tagName === "DETAILS") return panel.open;
  return isSheet(panel) ? panel.classList.contains("open") : !panel.classList.contains("closed");
}

function close(panel, button) {
  toggle(panel, button, false);
  button.focus();
}

function toggle(panel, button, open) {
  if (panel.tagName === "DETAILS") panel.open = open;
  panel.classList.toggle("open", open);
  panel.classList.toggle("closed", !open);
  button.setAttribute("aria-expanded", open);
}
