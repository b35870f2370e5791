// Error notices, and announcements for screen readers.

import { openKeyDialog } from "./api_key.js";
import { t } from "./bootstrap.js";
import { byId, element, iconButton } from "./element.js";
import { describeError, inputOf } from "./error_texts.js";
import { showServerError } from "./json_editor.js";
import { pollReadiness } from "./readiness.js";

// Temporary conditions: shown as information and removed when the model is ready.
const TEMPORARY = new Set(["model_loading", "shutting_down"]);
const shown = new Map(); // by tab: {error, retry, onDismiss, parameter: its input, value}

export function announce(text) {
  byId("announcer").textContent = text;
}

// Shows a failure in its tab. `retry` is called by its button; `onDismiss` when the user closes it
// or changes the parameter it is about.
export function showFailure(tab, error, retry = null, onDismiss = () => {}) {
  const box = byId(`${tab}-failure`);
  const isTemporary = TEMPORARY.has(error.code);
  const onRetry = () => {
    clearFailure(tab);
    retry();
  };
  const buttons = [
    error.status === 401 ? actionButton(t("enter_key"), openKeyDialog) : null,
    retry ? actionButton(t("try_again"), onRetry) : null,
  ];
  box.classList.toggle("info", isTemporary);
  box.setAttribute("role", isTemporary ? "status" : "alert");
  box.replaceChildren(
    ...failureNodes(tab, error),
    ...buttons.filter((button) => button),
    dismissButton(tab),
  );
  box.hidden = false;
  const parameter = inputOf(tab, error.param);
  showServerError(parameter, error.param, error.message);
  shown.set(tab, { error, retry, onDismiss, parameter, value: parameter?.value });
  if (isTemporary) pollReadiness();
}

export function clearFailure(tab) {
  shown.delete(tab);
  byId(`${tab}-failure`).hidden = true;
  byId(`${tab}-failure`).replaceChildren();
}

export const dismissButton = (tab) =>
  iconButton("close", t("close"), () => dismiss(tab), { class: "quiet dismiss" });

function dismiss(tab) {
  shown.get(tab)?.onDismiss();
  clearFailure(tab);
}

export function startNotices() {
  addEventListener("westlake:parameters", ({ detail }) => detail.byUser && dismissChanged());
  addEventListener("westlake:ready", () => {
    clearMatching(({ error }) => TEMPORARY.has(error.code));
  });
  // Retry once the key has been entered.
  addEventListener("westlake:key", () => {
    for (const { retry } of clearMatching(({ error }) => error.status === 401)) retry?.();
  });
}

// A failure about a parameter is shown until the user changes it.
function dismissChanged() {
  for (const [tab, { parameter, value }] of [...shown])
    if (parameter && parameter.value !== value) dismiss(tab);
}

function clearMatching(matches) {
  const matching = [...shown].filter(([, failure]) => matches(failure));
  for (const [tab] of matching) dismiss(tab);
  return matching.map(([, failure]) => failure);
}

// A paragraph with what happened and what to do.
export function errorParagraph(what, next) {
  const space = what.endsWith("\u3002") ? "" : " "; // no space after a Chinese full stop
  return element("p", {}, element("strong", {}, what), space, next);
}

function failureNodes(tab, error) {
  const { what, next, details } = describeError(tab, error);
  if (!details) return [errorParagraph(what, next)];
  const detailsNode = element(
    "details",
    { class: "server-message" },
    element("summary", {}, t("details")),
    element("p", { lang: "en" }, details),
  );
  return [errorParagraph(what, next), detailsNode];
}

function actionButton(label, onClick) {
  return element("button", { type: "button", class: "outlined", onclick: onClick }, label);
}
