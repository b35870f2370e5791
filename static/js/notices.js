// Tells a person what went wrong and what to do next, and a screen reader what has happened.
// Knows nothing about who failed at what.
import { byId, element } from "./element.js";
import { say } from "./given.js";
import { openKey } from "./key.js";

export function announce(text) {
  byId("said").textContent = text;
}

// Shows a failure in the room's own place; `again` is what its button tries.
export function showFailure(room, error, again = null) {
  const box = byId(`${room}-failure`);
  const [what, next] = explain(error);
  const parts = [element("strong", {}, what), " ", next];
  const retry = () => {
    clearFailure(room);
    again();
  };
  if (error.status === 401) parts.push(action(say("enter_key"), openKey));
  if (again) parts.push(action(say("try_again"), retry));
  box.replaceChildren(...parts);
  box.hidden = false;
}

export function clearFailure(room) {
  byId(`${room}-failure`).hidden = true;
  byId(`${room}-failure`).replaceChildren();
}

// A sentence on what has happened and one on what to do.
export function explain(error) {
  if (error.status === undefined) return [say("failed_here"), String(error.message ?? error)];
  if (error.code === "cut") return [say("cut"), say("next_cut")];
  if (error.status === 0) return [say("no_network"), say("next_no_network")];
  const seconds = error.retryAfter ?? "1";
  const next = {
    model_loading: say("next_loading"),
    shutting_down: say("next_stopping"),
    overloaded: say("next_overloaded", { seconds }),
    context_length_exceeded: say("next_context"),
    model_not_found: say("next_model"),
    rate_limit_exceeded: say("next_rate", { seconds }),
  }[error.code] ?? byStatus(error);
  return [error.message || say("status", { status: error.status }), next];
}

function byStatus({ status, param }) {
  if (status === 401) return say("next_key");
  if (status === 413) return say("next_large");
  if (status === 429 || status === 503) return say("next_later");
  if (status >= 500) return say("next_fault");
  return param ? say("next_field", { field: param }) : "";
}

function action(label, pressed) {
  return element("button", { type: "button", class: "outlined", onclick: pressed }, label);
}
