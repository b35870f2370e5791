// Colours code in the languages the page itself writes.
// Knows nothing about where the code stands; it comes with the first code.
import hljs from "../vendor/highlight/core.js";
import bash from "../vendor/highlight/bash.js";
import javascript from "../vendor/highlight/javascript.js";
import json from "../vendor/highlight/json.js";
import powershell from "../vendor/highlight/powershell.js";
import python from "../vendor/highlight/python.js";
import { copies } from "./copies.js";
import { purified } from "./purified.js";

for (const [name, grammar] of Object.entries({ bash, javascript, json, powershell, python })) {
  hljs.registerLanguage(name, grammar);
}
hljs.registerAliases(["shell", "console"], { languageName: "bash" });

const LONGEST = 20_000;

export function highlight(code, name) {
  const text = code.textContent;
  if (hljs.getLanguage(name) && text.length <= LONGEST) code.replaceChildren(coloured(text, name));
}

const coloured = copies((text, language) => purified(hljs.highlight(text, { language }).value));
