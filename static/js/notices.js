// Tells a person what went wrong and what to do next, and a screen reader what has happened.
// Knows nothing about who failed at what.

import { openKeyDialog } from "./api_key.js";
import { t } from "./bootstrap.js";
import { byId, element, iconButton } from "./element.js";
import { describeError, inputOf } from "./error_messages.js";
import { pollReadiness } from "./readiness.js";

// What passes by itself: it is told calmly, and taken back when the model is ready.
const PASSING = new Set(["model_loading", "shutting_down"]);
const shown = new Map(); // by room: {error, again, closed, parameter: its box, value}

export function announce(text) {
  byId("said").textContent = text;
}

// Shows a failure in the room's own place; `again` is what its button tries, and `closed` hears that the
// person has closed it, or has changed the parameter it is about.
export function showFailure(room, error, again = null, closed = () => {}) {
  const box = byId(`${room}-failure`);
  const passing = PASSING.has(error.code);
  const retry = () => {
    clearFailure(room);
    again();
  };
  const buttons = [
    error.status === 401 ? action(t("enter_key"), openKeyDialog) : null,
    again ? action(t("try_again"), retry) : null,
  ];
  box.classList.toggle("calm", passing);
  box.setAttribute("role", passing ? "status" : "alert");
  box.replaceChildren(
    ...told(room, error),
    ...buttons.filter((button) => button),
    dismissButton(room),
  );
  box.hidden = false;
  const parameter = inputOf(room, error.param);
  shown.set(room, { error, again, closed, parameter, value: parameter?.value });
  if (passing) pollReadiness();
}

export function clearFailure(room) {
  shown.delete(room);
  byId(`${room}-failure`).hidden = true;
  byId(`${room}-failure`).replaceChildren();
}

export const dismissButton = (room) =>
  iconButton("close", t("close"), () => dismiss(room), { class: "quiet dismiss" });

function dismiss(room) {
  shown.get(room)?.closed();
  clearFailure(room);
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
  for (const [room, { parameter, value }] of [...shown])
    if (parameter && parameter.value !== value) dismiss(room);
}

function clearThose(wanted) {
  const found = [...shown].filter(([, failure]) => wanted(failure));
  for (const [room] of found) dismiss(room);
  return found.map(([, failure]) => failure);
}

// What has happened, and what to do.
export function errorParagraph(what, next) {
  const blank = what.endsWith("\u3002") ? "" : " "; // none after a Chinese full stop
  return element("p", {}, element("strong", {}, what), blank, next);
}

function told(room, error) {
  const { what, next, details } = describeError(room, error);
  if (!details) return [errorParagraph(what, next)];
  const folded = element(
    "details",
    { class: "server-said" },
    element("summary", {}, t("details")),
    element("p", { lang: "en" }, details),
  );
  return [errorParagraph(what, next), folded];
}

function action(label, pressed) {
  return element("button", { type: "button", class: "outlined", onclick: pressed }, label);
}
