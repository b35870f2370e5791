// Updates the model card and the examples once the model is loaded.

import { apiFetchJson } from "./api_client.js";
import { isKeyMissing } from "./api_key.js";
import { t } from "./bootstrap.js";
import { byId, element } from "./element.js";
import { fetchState } from "./readiness.js";

export function startModelCard() {
  const open = byId("model-open");
  // For browsers without `command` attributes.
  if (!("commandForElement" in open))
    open.addEventListener("click", () => byId("about-model").showModal());
  open.addEventListener("click", mindServer);
  addEventListener("westlake:ready", refresh);
}

// The card shows the state at page load; check the current one.
async function mindServer() {
  const state = await fetchState();
  const well = state === "ready" || state === "loading"; // the card itself shows the loading state
  byId("model-unavailable").hidden = well;
  byId("model-unavailable").textContent = well ? "" : t(`state_${state}`);
}

async function refresh() {
  if (isKeyMissing()) return;
  let told;
  try {
    told = await apiFetchJson(`/playground/model${location.search}`);
  } catch {
    return; // keep what is shown
  }
  byId("model-loading-hint").hidden = true;
  byId("model-rows").replaceChildren(
    ...told.rows.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]),
  );
  tell("[data-purpose]", told.purpose);
  tell("[data-examples-hint]", told.why);
  replace(
    "chat",
    told.chat.map((text) => ({ text })),
  );
  const as = (template) => (text) => ({ text, template });
  replace("completion", [
    ...told.instructions.map(as("alpaca")),
    ...told.continuations.map(as("none")),
  ]);
}

function tell(places, text) {
  for (const place of document.querySelectorAll(places)) {
    place.textContent = text;
    place.hidden = !text;
  }
}

function replace(tab, examples) {
  byId(`${tab}-examples`).replaceChildren(
    ...examples.map(({ text, template = null }) => {
      const own = { type: "button", "data-example": tab, "data-template": template };
      return element("li", {}, element("button", own, text));
    }),
  );
}
