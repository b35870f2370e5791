// The parameters of a form: number inputs, their sliders and presets. The inputs hold the values;
// sliders follow them.

import { bootstrap } from "./bootstrap.js";
import { byId } from "./element.js";
import { rangeMessage } from "./number_validation.js";
import { startPanel } from "./panel.js";
import { addResetButton, updateParameterBadge } from "./parameter_badges.js";

const ZERO = new Set(["temperature", "top_p"]);

export function startParameters(tab) {
  const panel = byId(`${tab}-parameters`);
  startPanel(panel, document.querySelector(`[data-parameters="${panel.id}"]`));
  // The server fills in a limit for forms without scripts, which have no stop button.
  box(tab, "max_tokens").value = "";
  for (const row of panel.querySelectorAll("[data-name]")) startRow(row, () => changed(tab));
  byId(`${tab}-system`)?.addEventListener("input", () => updateParameterBadge(tab));
  panel.addEventListener("click", ({ target }) => {
    const name = target.dataset.preset;
    if (name !== undefined) choose(tab, bootstrap.presets[name]);
  });
  changed(tab);
}

// Request fields from the form, or from readParameters()'s result. Empty inputs are left out.
export function requestOptions(tab, texts = readParameters(tab)) {
  const bootstrap = Object.entries(texts).filter(([, text]) => text.trim());
  return Object.fromEntries(bootstrap.map(([name, text]) => [name, value(name, text)]));
}

function value(name, text) {
  if (name === "stop") return text.split("\n").filter((line) => line);
  if (name === "do_sample") return text !== "false";
  // Invalid numbers are sent unchanged: the server's error names the field.
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

// All non-empty inputs of the form, to save with a conversation.
export function readParameters(tab) {
  const rows = byId(`${tab}-parameters`).querySelectorAll("[data-name]");
  const pairs = [...rows].map(({ dataset }) => [dataset.name, box(tab, dataset.name).value]);
  return Object.fromEntries(pairs.filter(([, text]) => text));
}

export function writeParameters(tab, values) {
  for (const row of byId(`${tab}-parameters`).querySelectorAll("[data-name]")) {
    box(tab, row.dataset.name).value = values[row.dataset.name] ?? "";
  }
  changed(tab, false);
}

const box = (tab, name) => byId(`${tab}-${name}`);

function startRow(row, told) {
  const slider = row.querySelector("[type=range]");
  const input = row.querySelector("[name]");
  input.addEventListener("input", told);
  addResetButton(row, () => {
    input.value = "";
    told();
  });
  slider?.addEventListener("input", () => {
    input.value = slider.value;
    told();
  });
}

function choose(tab, preset) {
  for (const name of ["temperature", "top_p", "top_k", "repetition_penalty", "do_sample"]) {
    box(tab, name).value = preset[name] ?? "";
  }
  changed(tab);
}

// `byUser`: changed by the user, not by writeParameters().
function changed(tab, chosen = true) {
  const panel = byId(`${tab}-parameters`);
  for (const row of panel.querySelectorAll("[data-name]")) follow(row, box(tab, row.dataset.name));
  markUnused(tab, panel);
  updateParameterBadge(tab);
  const now = readParameters(tab);
  const sampling = ["temperature", "top_p", "top_k", "repetition_penalty", "do_sample"];
  for (const button of panel.querySelectorAll("[data-preset]")) {
    const preset = bootstrap.presets[button.dataset.preset];
    const same = sampling.every((name) => String(preset[name] ?? "") === (now[name] ?? ""));
    button.setAttribute("aria-pressed", same);
  }
  panel.dispatchEvent(
    new CustomEvent("westlake:parameters", { bubbles: true, detail: { chosen } }),
  );
}

// A value equal to the default is no change.
const differs = (text, byDefault) =>
  text !== "" && (byDefault === undefined || Number(text) !== Number(byDefault));

function follow(row, input) {
  const slider = row.querySelector("[type=range]");
  if (slider) slider.value = input.value.trim() || slider.dataset.default;
  row.classList.toggle("set", differs(input.value.trim(), slider?.dataset.default));
  const told = rangeMessage(input);
  if (told) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  const place = row.querySelector(".field-error");
  if (place && place.textContent !== told) place.textContent = told;
}

// Greedy decoding ignores sampling parameters.
function markUnused(tab, panel) {
  const { temperature, top_p: topP, do_sample: sampled } = requestOptions(tab);
  const greedy = sampled === false || [temperature, topP].includes(0);
  for (const name of ["temperature", "top_p", "top_k", "seed"]) {
    const unused = greedy && !(ZERO.has(name) && requestOptions(tab)[name] === 0);
    panel.querySelector(`[data-name=${name}]`).classList.toggle("unused", unused);
  }
}
