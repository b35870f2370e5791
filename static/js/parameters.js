// One form's parameters: number boxes, their sliders, presets, and what of them is sent.
// Knows nothing about what a parameter does; the boxes are the truth, sliders follow them.

import { bootstrap } from "./bootstrap.js";
import { byId } from "./element.js";
import { rangeMessage } from "./number_validation.js";
import { startPanel } from "./panel.js";
import { addResetButton, updateParameterBadge } from "./parameter_badges.js";

const ZERO = new Set(["temperature", "top_p"]);

export function startParameters(kind) {
  const panel = byId(`${kind}-parameters`);
  startPanel(panel, document.querySelector(`[data-parameters="${panel.id}"]`));
  // Without scripts an answer must not run on; with them there is a stop button.
  box(kind, "max_tokens").value = "";
  for (const row of panel.querySelectorAll("[data-name]")) startRow(row, () => changed(kind));
  byId(`${kind}-system`)?.addEventListener("input", () => updateParameterBadge(kind));
  panel.addEventListener("click", ({ target }) => {
    const name = target.dataset.preset;
    if (name !== undefined) choose(kind, bootstrap.presets[name]);
  });
  changed(kind);
}

// The numbers and switches as the API wants them, of the form or of a snapshot; what is left empty
// is not sent.
export function requestOptions(kind, texts = readParameters(kind)) {
  const bootstrap = Object.entries(texts).filter(([, text]) => text.trim());
  return Object.fromEntries(bootstrap.map(([name, text]) => [name, value(name, text)]));
}

function value(name, text) {
  if (name === "stop") return text.split("\n").filter((line) => line);
  if (name === "do_sample") return text !== "false";
  // What is no number is sent as it is: the server's answer names the field.
  return Number.isFinite(Number(text)) ? Number(text) : text;
}

// Every box of the form, to keep with a conversation and to bring back.
export function readParameters(kind) {
  const rows = byId(`${kind}-parameters`).querySelectorAll("[data-name]");
  const pairs = [...rows].map(({ dataset }) => [dataset.name, box(kind, dataset.name).value]);
  return Object.fromEntries(pairs.filter(([, text]) => text));
}

export function writeParameters(kind, values) {
  for (const row of byId(`${kind}-parameters`).querySelectorAll("[data-name]")) {
    box(kind, row.dataset.name).value = values[row.dataset.name] ?? "";
  }
  changed(kind, false);
}

const box = (kind, name) => byId(`${kind}-${name}`);

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

function choose(kind, preset) {
  for (const name of ["temperature", "top_p", "top_k", "repetition_penalty", "do_sample"]) {
    box(kind, name).value = preset[name] ?? "";
  }
  changed(kind);
}

// `chosen`: by the person, who has the form before them.
function changed(kind, chosen = true) {
  const panel = byId(`${kind}-parameters`);
  for (const row of panel.querySelectorAll("[data-name]")) follow(row, box(kind, row.dataset.name));
  markUnused(kind, panel);
  updateParameterBadge(kind);
  const now = readParameters(kind);
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

// What is written out as the default is no change.
const differs = (text, byDefault) =>
  text !== "" && (byDefault === undefined || Number(text) !== Number(byDefault));

function follow(row, input) {
  const slider = row.querySelector("[type=range]");
  if (slider) slider.value = input.value.trim() || slider.dataset.default;
  row.classList.toggle("set", differs(input.value.trim(), slider?.dataset.default));
  const told = rangeMessage(input);
  if (told) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
  const place = row.querySelector(".wrong");
  if (place && place.textContent !== told) place.textContent = told;
}

// Greedy decoding does not look at what shapes a draw.
function markUnused(kind, panel) {
  const { temperature, top_p: topP, do_sample: sampled } = requestOptions(kind);
  const greedy = sampled === false || [temperature, topP].includes(0);
  for (const name of ["temperature", "top_p", "top_k", "seed"]) {
    const unused = greedy && !(ZERO.has(name) && requestOptions(kind)[name] === 0);
    panel.querySelector(`[data-name=${name}]`).classList.toggle("unused", unused);
  }
}
