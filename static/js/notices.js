// Tells a person what went wrong and what to do next, and a screen reader what has happened.
// Knows nothing about who failed at what.

import { openKeyDialog } from "./api_key.js";
import { t } from "./bootstrap.js";
import { byId, element, iconButton } from "./element.js";
import { describeError, inputOf } from "./error_messages.js";
import { pollReadiness } from "./readiness.js";

// What passes by itself: it is told calmly, and taken back when the model is ready.
const PASSING = new Set(["model_loading", "shutting_down"]);
const shown = new Map(); // by tab: {error, again, closed, parameter: its box, value}

export function announce(text) {
  byId("announcer").textContent = text;
}

// Shows a failure in the tab's own place; `again` is what its button tries, and `closed` hears that the
// person has closed it, or has changed the parameter it is about.
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
  // Who has just given the key need not ask again.
  addEventListener("westlake:key", () => {
    for (const { again } of clearThose(({ error }) => error.status === 401)) again?.();
  });
}

// A failure that names a parameter is told until the person changes it.
function dismissSettled() {
  for (const [tab, { parameter, value }] of [...shown])
    if (parameter && parameter.value !== value) dismiss(tab);
}

function clearThose(wanted) {
  const found = [...shown].filter(([, failure]) => wanted(failure));
  for (const [tab] of found) dismiss(tab);
  return found.map(([, failure]) => failure);
}

// What has happened, and what to do.
export function errorParagraph(what, next) {
  const blank = what.endsWith("\u3002") ? "" : " "; // none after a Chinese full stop
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
