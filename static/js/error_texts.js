// Turns an error into translated texts, by its code, parameter or status.
// app/translations/error_texts.py does the same for pages without scripts.

import { apiKey } from "./api_key.js";
import { hasText, t, UserError } from "./bootstrap.js";
import { byId } from "./element.js";
import { rangeViolation } from "./number_validation.js";

const TEXTS = new Set(["prompt", "messages", "input"]);

// Returns {what, next, details}: two sentences, and the server's message if it says more.
export function describeError(tab, error) {
  if (error instanceof UserError)
    return { what: t("failed_here"), next: error.message, details: "" };
  const { status, message = "" } = error;
  if (status === undefined)
    return { what: t("failed_here"), next: t("next_fault"), details: String(error) };
  const { names, places } = field(tab, error.param);
  const code = error.code === "invalid_api_key" && apiKey() ? "wrong_key" : text(error.code);
  const general = [String(status), status >= 500 ? "fault" : "refused"];
  const name = [code, ...names, ...general].find((each) => hasText(`error_${each}`));
  // "field_range" falls back to "field".
  const then = [`${name}_${tab}`, name, name.split("_")[0]].find((each) => hasText(`next_${each}`));
  const filled = { seconds: error.retryAfter ?? "1", ...places };
  const what = t(`error_${name}`, filled);
  const next = t(`next_${then}`, filled);
  return { what, next, details: adds(text(message), what, next) ? text(message) : "" };
}

// The input of the rejected parameter, or null.
export function inputOf(tab, param) {
  const name = nameOf(param);
  const input = TEXTS.has(name) ? null : byId(`${tab}-${name}`);
  return input?.labels?.length ? input : null;
}

const nameOf = (param) => text(param).split(".")[0];

// Fields are named by their labels.
function field(tab, param) {
  if (TEXTS.has(nameOf(param))) return { names: ["text"], places: {} };
  const input = inputOf(tab, param);
  if (!input) return { names: [], places: {} };
  const { min, max } = input.dataset;
  const label = input.labels[0].textContent.trim();
  return { names: [rangeViolation(input), "field"], places: { field: label, min, max } };
}

// Whether the server's message differs in more than case and punctuation.
function adds(message, ...sentences) {
  const bare = (each) => each.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  return ![...sentences, sentences.join("")].map(bare).includes(bare(message));
}

// Responses of a proxy may hold anything.
const text = (value) => (typeof value === "string" ? value : "");
