// Error notices, and announcements for screen readers.

import { openKeyDialog } from "./api_key.js";
import { t } from "./bootstrap.js";
import { byId, element, iconButton } from "./element.js";
import { describeError, inputOf } from "./error_texts.js";
import { pollReadiness } from "./readiness.js";

// Temporary conditions: shown as information and removed when the model is ready.
const PASSING = new Set(["model_loading", "shutting_down"]);
const shown = new Map(); // by tab: {error, retry, onDismiss, parameter: its input, value}

export function announce(text) {
  byId("announcer").textContent = text;
}

// Shows a failure in its tab. `retry` is called by its button; `onDismiss` when the user closes it
// or changes the parameter it is about.
export function showFailure(tab, error, again = null, closed = () => {}) {
  const box = byId(`${tab}-failure`);
  const passing = PASSING.has(error.code);
  const retry = () => {
    clearFailure(tab);
    again();
  };
  const buttons = [
    error.status === 401 ? action(t("enter_key"), openKeyDialog) : null,
    again ? action(t("try_again"), retry) : null,
  ];
  box.classList.toggle("info", passing);
  box.setAttribute("role", passing ? "status" : "alert");
  box.replaceChildren(
    ...told(tab, error),
    ...buttons.filter((button) => button),
    dismissButton(tab),
  );
  box.hidden = false;
  const parameter = inputOf(tab, error.param);
  shown.set(tab, { error, again, closed, parameter, value: parameter?.value });
  if (passing) pollReadiness();
}

export function clearFailure(tab) {
  shown.delete(tab);
  byId(`${tab}-failure`).hidden = true;
  byId(`${tab}-failure`).replaceChildren();
}

export const dismissButton = (tab) =>
  iconButton("close", t("close"), () => dismiss(tab), { class: "quiet dismiss" });

function dismiss(tab) {
  shown.get(tab)?.closed();
  clearFailure(tab);
}

export function startNotices() {
  addEventListener("westlake:parameters", ({ detail }) => detail.chosen && dismissSettled());
  addEventListener("westlake:ready", () => {
    clearThose(({ error }) => PASSING.has(error.code));
  });
  // Retry once the key has been entered.
  addEventListener("westlake:key", () => {
    for (const { again } of clearThose(({ error }) => error.status === 401)) again?.();
  });
}

// A failure about a parameter is shown until the user changes it.
function dismissSettled() {
  for (const [tab, { parameter, value }] of [...shown])
    if (parameter && parameter.value !== value) dismiss(tab);
}

function clearThose(wanted) {
  const found = [...shown].filter(([, failure]) => wanted(failure));
  for (const [tab] of found) dismiss(tab);
  return found.map(([, failure]) => failure);
}

// A paragraph with what happened and what to do.
export function errorParagraph(what, next) {
  const blank = what.endsWith("\u3002") ? "" : " "; // no space after a Chinese full stop
  return element("p", {}, element("strong", {}, what), blank, next);
}

function told(tab, error) {
  const { what, next, details } = describeError(tab, error);
  if (!details) return [errorParagraph(what, next)];
  const folded = element(
    "details",
    { class: "server-message" },
    element("summary", {}, t("details")),
    element("p", { lang: "en" }, details),
  );
  return [errorParagraph(what, next), folded];
}

function action(label, pressed) {
  return element("button", { type: "button", class: "outlined", onclick: pressed }, label);
}
