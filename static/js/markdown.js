// Markdown to elements: read by markdown-it, and let through only what the sanitiser knows.
// Knows nothing about where the text comes from: it is a stranger's, always.
import { element, iconButton } from "./element.js";
import { copy } from "./clipboard.js";
import { say } from "./given.js";
import { mathsRules } from "./maths_rules.js";
import { purified } from "./purified.js";
import MarkdownIt from "../vendor/markdown-it/markdown-it.js";

const reader = MarkdownIt({ html: false, linkify: false, breaks: true }).disable("image").use(mathsRules);
const { rules } = reader.renderer;

// An answer's headings lie below the page's own.
for (const name of ["heading_open", "heading_close"]) {
  rules[name] = (tokens, place, options, _, self) => {
    tokens[place].tag = `h${Math.min(6, Number(tokens[place].tag[1]) + 2)}`;
    return self.renderToken(tokens, place, options);
  };
}

// Alignment as a class: the page's policy forbids styles in markup.
for (const name of ["th_open", "td_open"]) {
  rules[name] = (tokens, place, options, _, self) => {
    const style = tokens[place].attrGet("style");
    if (style) tokens[place].attrs = [["class", style.replace("text-align:", "to-")]];
    return self.renderToken(tokens, place, options);
  };
}

export function markdown(text) {
  const made = purified(reader.render(text));
  for (const link of made.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  for (const block of made.querySelectorAll("pre")) frame(block);
  for (const table of made.querySelectorAll("table")) {
    const around = element("div", { class: "scroll", tabindex: "0" });
    table.replaceWith(around);
    around.append(table);
  }
  const formulas = made.querySelectorAll("code.maths");
  if (formulas.length) import("./maths.js").then(({ typeset }) => formulas.forEach(typeset));
  return made;
}

// Where the last block that has surely ended does: after a blank line outside code and formulas.
export function settledEnd(text, from) {
  let end = from;
  let fence = null;
  let place = from;
  for (const line of text.slice(from).split(/(?<=\n)/)) {
    const mark = /^ {0,3}(`{3,}|~{3,}|\$\$|\\\[)/.exec(line)?.[1];
    if (fence === null && mark) fence = line.includes("\\]") || /^\$\$.+\$\$/.test(line) ? null : mark;
    else if (fence !== null && ends(fence, line)) fence = null;
    place += line.length;
    if (fence === null && line === "\n") end = place;
  }
  return end;
}

function ends(fence, line) {
  if (fence === "\\[") return line.includes("\\]");
  if (fence === "$$") return line.includes("$$");
  return line.trim().startsWith(fence);
}

function frame(block) {
  const code = block.querySelector("code");
  const name = /language-([\w+#.-]+)/.exec(code.className)?.[1] ?? "";
  const pressed = (event) => copy(code.textContent, event.currentTarget);
  const head = element("div", { class: "code-head" }, element("span", {}, name), iconButton("copy", say("copy_code"), pressed));
  block.setAttribute("tabindex", "0");
  const around = element("div", { class: "code-block" }, head);
  block.replaceWith(around);
  around.append(block);
  if (name) import("./highlight.js").then(({ highlight }) => highlight(code, name));
}
