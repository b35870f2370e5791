// Markdown to elements: read by markdown-it, and let through only what the sanitiser knows.
// Knows nothing about where the text comes from: it is a stranger's, always.

import MarkdownIt from "../vendor/markdown-it/markdown-it.js";
import cjkFriendly from "../vendor/markdown-it-cjk-friendly/cjk-friendly.js";
import { t } from "./bootstrap.js";
import { breakRule } from "./break_rule.js";
import { wrapCodeBlock } from "./code_block.js";
import { element, icon } from "./element.js";
import { linkRules } from "./link_rules.js";
import { footnoteRule, taskRule } from "./list_rules.js";
import { mathRules } from "./math_rules.js";
import { sanitize } from "./sanitize.js";

const reader = MarkdownIt({ html: false, breaks: true });
for (const rules of [cjkFriendly, mathRules, linkRules, taskRule, footnoteRule, breakRule])
  reader.use(rules);
const { rules } = reader.renderer;

// A message's headings lie below its author's, and none skips a level, whatever the model wrote;
// the look goes by what it wrote. `headings` are the ranks that are open.
rules.heading_open = (tokens, place, options, env, self) => {
  const [open, , close] = tokens.slice(place, place + 3);
  const rank = Number(open.tag[1]);
  env.headings = [...(env.headings ?? []).filter((each) => each < rank), rank];
  open.attrJoin("class", `rank-${rank}`);
  close.tag = open.tag = `h${Math.min(6, env.headings.length + 2)}`;
  return self.renderToken(tokens, place, options);
};

// Alignment as a class: the page's policy forbids styles in markup.
for (const name of ["th_open", "td_open"]) {
  rules[name] = (tokens, place, options, _, self) => {
    const style = tokens[place].attrGet("style");
    if (style) tokens[place].attrs = [["class", style.replace("text-align:", "align-")]];
    return self.renderToken(tokens, place, options);
  };
}

// What formulas need comes with the first of them; until then they stay as they are.
let math = null;

// The elements of a text. `known` keeps what it says about links and headings, for the text that follows it;
// what a growing text ends with waits for its colours until it has ended.
export function markdown(text, { known = {}, growing = false } = {}) {
  const made = sanitize(reader.render(text, known));
  // A text in Arabic may follow one in English, and code is written from the left in both.
  for (const block of made.children)
    if (!block.matches("pre, .math")) block.setAttribute("dir", "auto");
  made.querySelectorAll("a").forEach(outward);
  for (const task of made.querySelectorAll(".task")) {
    task.setAttribute("role", "img");
    task.setAttribute("aria-label", t(task.matches(".done") ? "task_done" : "task_open"));
  }
  const open = growing ? [...made.querySelectorAll("pre")].at(-1) : null;
  for (const block of made.querySelectorAll("pre")) wrapCodeBlock(block, block !== open);
  for (const table of made.querySelectorAll("table")) {
    const around = element("div", { class: "scroll", tabindex: "-1" });
    table.replaceWith(around);
    around.append(table);
  }
  typeset(made.querySelectorAll("code.math"));
  return made;
}

// How many characters of a growing text are blocks that nothing written after them can change:
// all but the last block, and no line that has not ended, which may yet become another kind.
export function endedBlocks(text) {
  const lines = text.slice(0, text.lastIndexOf("\n") + 1);
  const blocks = [];
  const found = { openFormula: Infinity };
  reader.block.parse(lines, reader, found, blocks);
  const outer = blocks.filter(({ level, nesting }) => level === 0 && nesting >= 0);
  const last = outer.findLast(({ map }) => map[0] <= found.openFormula);
  let end = 0;
  for (let line = last?.map[0] ?? 0; line > 0; line -= 1) end = lines.indexOf("\n", end) + 1;
  return end;
}

function outward(link) {
  if (!link.hasAttribute("href")) {
    link.replaceWith(...link.childNodes); // the sanitiser did not like where it leads
    return;
  }
  link.target = "_blank";
  link.rel = "noopener noreferrer nofollow";
  if (!link.matches(".image")) return;
  link.title = t("image_elsewhere");
  link.prepend(icon("picture"));
}

function typeset(formulas) {
  const set = () => {
    for (const formula of formulas) math.typeset(formula);
  };
  if (math) set();
  else if (formulas.length)
    import("./math.js").then((module) => (math = module)).then(set, () => {}); // else they stay
}
