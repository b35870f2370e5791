// Tools to begin with, for the editor in the parameters.

import { t } from "./bootstrap.js";

const STRING = { type: "string" };
const COUNT = { type: "integer", minimum: 1, maximum: 10 };
const UNIT = { type: "string", enum: ["celsius", "fahrenheit"] };

// By button: name, required parameters and optional ones.
const EXAMPLES = {
  weather: ["get_weather", { city: STRING }, { unit: UNIT }],
  calculator: ["calculate", { expression: STRING }, {}],
  search: ["search_web", { query: STRING }, { count: COUNT }],
};

// The buttons with data-tool-example add their tool to the text of `editor`.
export function startToolExamples(panel, editor) {
  panel.addEventListener("click", ({ target }) => {
    const button = target.dataset.toolExample;
    if (button === undefined) return;
    editor.value = JSON.stringify([...toolsIn(editor.value), tool(button)], null, 2);
    editor.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

function tool(button) {
  const [name, needed, optional] = EXAMPLES[button];
  const properties = { ...needed, ...optional };
  const parameters = { type: "object", properties, required: Object.keys(needed) };
  return { type: "function", function: { name, description: t(`does_${button}`), parameters } };
}

// Text that is no list of tools is replaced.
function toolsIn(text) {
  try {
    const tools = JSON.parse(text);
    return Array.isArray(tools) ? tools : [];
  } catch {
    return [];
  }
}
