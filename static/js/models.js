// The model selector: a name, or a choice if the server has several.

import { apiFetchJson } from "./api_client.js";
import { isKeyMissing } from "./api_key.js";
import { bootstrap } from "./bootstrap.js";
import { byId, element } from "./element.js";

let served = [];

export const selectedModel = () => byId("model").value || bootstrap.model;

// The model's context length in tokens; null while unknown.
export function contextLength() {
  const own = served.find(({ id }) => id === selectedModel());
  return own ? own.max_model_len : null;
}

export function startModels() {
  addEventListener("westlake:ready", fill);
  addEventListener("westlake:key", fill);
  byId("model").addEventListener("change", () => dispatchEvent(new Event("westlake:model")));
  if (byId("state").dataset.state === "ready") fill();
}

async function fill() {
  if (isKeyMissing()) return;
  try {
    served = (await apiFetchJson("/v1/models")).data;
  } catch {
    return; // for example while loading: the next request reports it
  }
  const choice = byId("model");
  const before = selectedModel();
  choice.replaceChildren(...served.map(({ id }) => element("option", { value: id }, id)));
  if (served.some(({ id }) => id === before)) choice.value = before;
  choice.title = choice.value; // if the name is truncated
  const many = served.length > 1;
  choice.hidden = !many;
  choice.labels[0].hidden = !many;
  byId("model-name").hidden = many;
  dispatchEvent(new Event("westlake:model"));
}
