// Turns an error into translated texts, by its code, parameter or status.
// app/translations/error_texts.py does the same for pages without scripts.

import { apiKey } from "./api_key.js";
import { hasText, t, UserError } from "./bootstrap.js";
import { byId } from "./element.js";
import { rangeViolation } from "./number_validation.js";

const TEXT_PARAMS = new Set(["prompt", "messages", "input"]);

// Returns {what, next, details}: two sentences, and the server's message if it says more.
export function describeError(tab, error) {
  if (error instanceof UserError)
    return { what: t("failed_here"), next: error.message, details: "" };
  const { status, message = "" } = error;
  if (status === undefined)
    return { what: t("failed_here"), next: t("next_fault"), details: String(error) };
  const { names, placeholders: fieldPlaceholders } = field(tab, error.param);
  const code = error.code === "invalid_api_key" && apiKey() ? "wrong_key" : text(error.code);
  const general = [String(status), status >= 500 ? "fault" : "refused"];
  const name = [code, ...names, ...general].find((each) => hasText(`error_${each}`));
  // "field_range" falls back to "field".
  const nextName = [`${name}_${tab}`, name, name.split("_")[0]].find((each) =>
    hasText(`next_${each}`),
  );
  const placeholders = { seconds: error.retryAfter ?? "1", ...fieldPlaceholders };
  const what = t(`error_${name}`, placeholders);
  const next = t(`next_${nextName}`, placeholders);
  return { what, next, details: saysMore(text(message), what, next) ? text(message) : "" };
}

// The input of the rejected parameter, or null.
export function inputOf(tab, param) {
  const name = paramName(param);
  const input = TEXT_PARAMS.has(name) ? null : byId(`${tab}-${name}`);
  return input?.labels?.length ? input : null;
}

const paramName = (param) => text(param).split(".")[0];

// Fields are named by their labels.
function field(tab, param) {
  if (TEXT_PARAMS.has(paramName(param))) return { names: ["text"], placeholders: {} };
  const input = inputOf(tab, param);
  if (!input) return { names: [], placeholders: {} };
  const { min, max } = input.dataset;
  const label = input.labels[0].textContent.trim();
  return { names: [rangeViolation(input), "field"], placeholders: { field: label, min, max } };
}

// Whether the server's message differs in more than case and punctuation.
function saysMore(message, ...sentences) {
  const normalized = (each) => each.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
  return ![...sentences, sentences.join("")].map(normalized).includes(normalized(message));
}

// Responses of a proxy may hold anything.
const text = (value) => (typeof value === "string" ? value : "");
