// Syntax highlighting. The languages of the code dialog are built in; other grammars are loaded on
// demand.

import bash from "../vendor/highlight/bash.js";
import hljs from "../vendor/highlight/core.js";
import javascript from "../vendor/highlight/javascript.js";
import json from "../vendor/highlight/json.js";
import powershell from "../vendor/highlight/powershell.js";
import python from "../vendor/highlight/python.js";
import { memoizeNodes } from "./memoize.js";
import { sanitize } from "./sanitize.js";

for (const [name, grammar] of Object.entries({ bash, javascript, json, powershell, python })) {
  hljs.registerLanguage(name, grammar);
}
hljs.registerAliases(["shell", "console"], { languageName: "bash" });

// Aliases of the languages whose grammars are in vendor/highlight.
const ALIASES = {
  c: ["h"],
  cpp: ["c++", "cc", "cxx", "hpp"],
  csharp: ["cs", "c#"],
  css: [],
  diff: ["patch"],
  go: ["golang"],
  java: [],
  kotlin: ["kt"],
  php: [],
  ruby: ["rb"],
  rust: ["rs"],
  sql: ["mysql", "postgresql", "sqlite"],
  swift: [],
  typescript: ["ts", "tsx"],
  xml: ["html", "xhtml", "svg", "vue"],
  yaml: ["yml"],
};
const GRAMMAR_FILES = new Map(
  Object.entries(ALIASES).flatMap(([file, names]) => [file, ...names].map((name) => [name, file])),
);

const MAX_LENGTH = 20_000;

export async function highlight(code, name) {
  const language = name.toLowerCase();
  if (!hljs.getLanguage(language)) await loadGrammar(GRAMMAR_FILES.get(language)).catch(() => {}); // if loading fails the code stays plain
  const text = code.textContent;
  if (hljs.getLanguage(language) && text.length <= MAX_LENGTH)
    code.replaceChildren(highlightNodes(text, language));
}

const highlightNodes = memoizeNodes((text, language) =>
  sanitize(hljs.highlight(text, { language }).value),
);

async function loadGrammar(file) {
  if (!file) return;
  const grammar = await import(`../vendor/highlight/${file}.js`);
  hljs.registerLanguage(file, grammar.default);
  hljs.registerAliases(ALIASES[file], { languageName: file });
}
