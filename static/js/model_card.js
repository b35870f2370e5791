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
  open.addEventListener("click", checkServer);
  addEventListener("westlake:ready", refresh);
}

let checks = 0;

// The card shows the state at page load; check the current one.
async function checkServer() {
  const check = ++checks;
  const state = await fetchState();
  if (check !== checks) return; // a later check knows better, even if it was answered first
  const isFine = state === "ready" || state === "loading"; // the card itself shows the loading state
  byId("model-unavailable").hidden = isFine;
  byId("model-unavailable").textContent = isFine ? "" : t(`state_${state}`);
}

async function refresh() {
  if (isKeyMissing()) return;
  let card;
  try {
    card = await apiFetchJson(`/playground/model${location.search}`);
  } catch {
    return; // keep what is shown
  }
  byId("model-loading-hint").hidden = true;
  byId("model-rows").replaceChildren(
    ...card.rows.flatMap(([label, value]) => [element("dt", {}, label), element("dd", {}, value)]),
  );
  setTexts("[data-purpose]", card.purpose);
  setTexts("[data-examples-hint]", card.why);
  setExamples(
    "chat",
    card.chat.map((text) => ({ text })),
  );
  const withTemplate = (template) => (text) => ({ text, template });
  setExamples("completion", [
    ...card.instructions.map(withTemplate("alpaca")),
    ...card.continuations.map(withTemplate("none")),
  ]);
}

function setTexts(selector, text) {
  for (const target of document.querySelectorAll(selector)) {
    target.textContent = text;
    target.hidden = !text;
  }
}

function setExamples(tab, examples) {
  byId(`${tab}-examples`).replaceChildren(
    ...examples.map(({ text, template = null }) => {
      const attributes = { type: "button", "data-example": tab, "data-template": template };
      return element("li", {}, element("button", attributes, text));
    }),
  );
}
