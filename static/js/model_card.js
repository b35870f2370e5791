// The model's card, and examples that fit it, where the page was opened before it was loaded.
// Knows nothing about what a card says or what an example does.
import { byId, element } from "./element.js";
import { keyMissing } from "./key.js";
import { askJson } from "./server.js";

export function startModelCard() {
  const open = byId("model-open");
  // Browsers that know no commands need a script.
  if (!("commandForElement" in open)) open.addEventListener("click", () => byId("about-model").showModal());
  addEventListener("westlake:ready", refresh);
}

async function refresh() {
  if (keyMissing()) return;
  let told;
  try {
    told = await askJson(`/playground/model${location.search}`);
  } catch {
    return; // what is known stays
  }
  byId("model-later").hidden = true;
  byId("model-rows").replaceChildren(...told.rows.flatMap(([label, value]) => [
    element("dt", {}, label), element("dd", {}, value),
  ]));
  replace("chat", told.chat.map((text) => ({ text })));
  const as = (template) => (text) => ({ text, template });
  replace("completion", [...told.instructions.map(as("alpaca")), ...told.continuations.map(as("none"))]);
}

function replace(room, examples) {
  byId(`${room}-examples`).replaceChildren(...examples.map(({ text, template = null }) => {
    const own = { type: "button", "data-example": room, "data-template": template };
    return element("li", {}, element("button", own, text));
  }));
}
