// The model selector: a name, or a choice if the server has several.

import { apiFetchJson } from "./api_client.js";
import { isKeyMissing } from "./api_key.js";
import { bootstrap } from "./bootstrap.js";
import { byId, element } from "./element.js";

let served = [];

export const selectedModel = () => byId("model").value || bootstrap.model;

// The model's context length in tokens; null while unknown.
export function contextLength() {
  const model = served.find(({ id }) => id === selectedModel());
  return model ? model.max_model_len : null;
}

export function startModels() {
  addEventListener("westlake:ready", update);
  addEventListener("westlake:key", update);
  byId("model").addEventListener("change", () => dispatchEvent(new Event("westlake:model")));
  if (byId("state").dataset.state === "ready") update();
}

async function update() {
  if (isKeyMissing()) return;
  try {
    served = (await apiFetchJson("/v1/models")).data;
  } catch {
    return; // for example while loading: the next request reports it
  }
  const choice = byId("model");
  const previous = selectedModel();
  choice.replaceChildren(...served.map(({ id }) => element("option", { value: id }, id)));
  if (served.some(({ id }) => id === previous)) choice.value = previous;
  choice.title = choice.value; // if the name is truncated
  const hasSeveral = served.length > 1;
  choice.hidden = !hasSeveral;
  choice.labels[0].hidden = !hasSeveral;
  byId("model-name").hidden = hasSeveral;
  dispatchEvent(new Event("westlake:model"));
}
