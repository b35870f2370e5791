// The parameters of a form: number inputs, their sliders and presets. The inputs hold the values;
// sliders follow them.

import { bootstrap } from "./bootstrap.js";
import { byId } from "./element.js";
import { jsonMessage } from "./json_editor.js";
import { rangeMessage } from "./number_validation.js";
import { startPanel } from "./panel.js";
import { addResetButton, updateParameterBadge } from "./parameter_badges.js";
import { startToolExamples } from "./tool_examples.js";

// Fields written as JSON: what the request has of the parsed text.
const JSON_FIELDS = {
  response_format: (schema) => ({ type: "json_schema", json_schema: { name: "answer", schema } }),
  tools: (tools) => tools,
};
const ZERO_MEANS_GREEDY = new Set(["temperature", "top_p"]);

export function startParameters(tab) {
  const panel = byId(`${tab}-parameters`);
  startPanel(panel, document.querySelector(`[data-parameters="${panel.id}"]`));
  // The server fills in a limit for forms without scripts, which have no stop button.
  inputOf(tab, "max_tokens").value = "";
  for (const row of panel.querySelectorAll("[data-name]")) startRow(row, () => changed(tab));
  byId(`${tab}-system`)?.addEventListener("input", () => updateParameterBadge(tab));
  panel.addEventListener("click", ({ target }) => {
    const name = target.dataset.preset;
    if (name !== undefined) applyPreset(tab, bootstrap.presets[name]);
  });
  if (byId(`${tab}-tools`)) startToolExamples(panel, byId(`${tab}-tools`));
  changed(tab);
}

// Request fields from the form, or from readParameters()'s result. Empty inputs are left out.
export function requestOptions(tab, texts = readParameters(tab)) {
  const entries = Object.entries(texts).filter(([, text]) => text.trim());
  return Object.fromEntries(entries.map(([name, text]) => [name, value(name, text)]));
}

function value(name, text) {
  if (name === "stop") return text.split("\n").filter((line) => line);
  if (name === "do_sample") return text !== "false";
  if (JSON_FIELDS[name]) return fromJson(text, JSON_FIELDS[name]);
  // Invalid numbers are sent unchanged: the server's error names the field.
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

// Text that is no JSON is sent unchanged, like invalid numbers.
function fromJson(text, toField) {
  try {
    return toField(JSON.parse(text));
  } catch {
    return text;
  }
}

// All non-empty inputs of the form, to save with a conversation.
export function readParameters(tab) {
  const rows = byId(`${tab}-parameters`).querySelectorAll("[data-name]");
  const pairs = [...rows].map(({ dataset }) => [dataset.name, inputOf(tab, dataset.name).value]);
  return Object.fromEntries(pairs.filter(([, text]) => text));
}

export function writeParameters(tab, values) {
  for (const row of byId(`${tab}-parameters`).querySelectorAll("[data-name]")) {
    inputOf(tab, row.dataset.name).value = values[row.dataset.name] ?? "";
  }
  changed(tab, false);
}

const inputOf = (tab, name) => byId(`${tab}-${name}`);

function startRow(row, onInput) {
  const slider = row.querySelector("[type=range]");
  const input = row.querySelector("[name]");
  input.addEventListener("input", onInput);
  addResetButton(row, () => {
    input.value = "";
    onInput();
  });
  slider?.addEventListener("input", () => {
    input.value = slider.value;
    onInput();
  });
}

function applyPreset(tab, preset) {
  for (const name of ["temperature", "top_p", "top_k", "repetition_penalty", "do_sample"]) {
    inputOf(tab, name).value = preset[name] ?? "";
  }
  changed(tab);
}

// `byUser`: changed by the user, not by writeParameters().
function changed(tab, byUser = true) {
  const panel = byId(`${tab}-parameters`);
  for (const row of panel.querySelectorAll("[data-name]"))
    updateRow(row, inputOf(tab, row.dataset.name));
  markUnused(tab, panel);
  updateParameterBadge(tab);
  const values = readParameters(tab);
  const sampling = ["temperature", "top_p", "top_k", "repetition_penalty", "do_sample"];
  for (const button of panel.querySelectorAll("[data-preset]")) {
    const preset = bootstrap.presets[button.dataset.preset];
    const isActive = sampling.every((name) => String(preset[name] ?? "") === (values[name] ?? ""));
    button.setAttribute("aria-pressed", isActive);
  }
  panel.dispatchEvent(
    new CustomEvent("westlake:parameters", { bubbles: true, detail: { byUser } }),
  );
}

// A value equal to the default is no change.
const isChanged = (text, defaultValue) =>
  text !== "" && (defaultValue === undefined || Number(text) !== Number(defaultValue));

function updateRow(row, input) {
  const slider = row.querySelector("[type=range]");
  if (slider) slider.value = input.value.trim() || slider.dataset.default;
  row.classList.toggle("set", isChanged(input.value.trim(), slider?.dataset.default));
  const message = rangeMessage(input) || jsonMessage(input);
  if (message) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  const errorText = row.querySelector(".field-error");
  if (errorText && errorText.textContent !== message) errorText.textContent = message;
}

// Greedy decoding ignores sampling parameters.
function markUnused(tab, panel) {
  const { temperature, top_p: topP, do_sample: doSample } = requestOptions(tab);
  const isGreedy = doSample === false || [temperature, topP].includes(0);
  for (const name of ["temperature", "top_p", "top_k", "seed"]) {
    const isUnused = isGreedy && !(ZERO_MEANS_GREEDY.has(name) && requestOptions(tab)[name] === 0);
    panel.querySelector(`[data-name=${name}]`).classList.toggle("unused", isUnused);
  }
}
