// What went wrong and what to do about it, in the page's words: by code, field or status.
// Knows nothing about where it is shown; app/words/failures.py finds the same sentences.
import { byId } from "./element.js";
import { Told, has, say } from "./given.js";
import { apiKey } from "./key.js";
import { outside } from "./number_range.js";

const TEXTS = new Set(["prompt", "messages", "input"]);

// {what, next, details}: two sentences, and the server's own text where there is one.
export function explain(room, error) {
  if (error instanceof Told) return { what: say("failed_here"), next: error.message, details: "" };
  const { status, message = "" } = error;
  if (status === undefined) return { what: say("failed_here"), next: say("next_fault"), details: String(error) };
  const { names, places } = field(room, text(error.param));
  const code = error.code === "invalid_api_key" && apiKey() ? "wrong_key" : text(error.code);
  const general = [String(status), status >= 500 ? "fault" : "refused"];
  const name = [code, ...names, ...general].find((each) => has(`error_${each}`));
  // For "field_range": its own sentence, else that of "field".
  const then = [`${name}_${room}`, name, name.split("_")[0]].find((each) => has(`next_${each}`));
  const filled = { seconds: error.retryAfter ?? "1", ...places };
  return { what: say(`error_${name}`, filled), next: say(`next_${then}`, filled), details: text(message) };
}

// A field is called as its label on the page says.
function field(room, param) {
  const name = param.split(".")[0];
  if (TEXTS.has(name)) return { names: ["text"], places: {} };
  const input = byId(`${room}-${name}`);
  if (!input?.labels?.length) return { names: [], places: {} };
  const { least, most } = input.dataset;
  const label = input.labels[0].textContent.trim();
  return { names: [outside(input), "field"], places: { field: label, least, most } };
}

// A proxy's answer may hold anything.
const text = (value) => (typeof value === "string" ? value : "");
