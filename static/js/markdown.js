// Renders Markdown to DOM nodes: markdown-it, then sanitize.js. The text is untrusted.

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

// Headings of a message come below its author's heading (h2) and skip no level; their size follows
// the level in the source. `headings` are the open levels.
rules.heading_open = (tokens, place, options, env, self) => {
  const [open, , close] = tokens.slice(place, place + 3);
  const rank = Number(open.tag[1]);
  env.headings = [...(env.headings ?? []).filter((each) => each < rank), rank];
  open.attrJoin("class", `rank-${rank}`);
  close.tag = open.tag = `h${Math.min(6, env.headings.length + 2)}`;
  return self.renderToken(tokens, place, options);
};

// Alignment becomes a class: the page's CSP forbids inline styles.
for (const name of ["th_open", "td_open"]) {
  rules[name] = (tokens, place, options, _, self) => {
    const style = tokens[place].attrGet("style");
    if (style) tokens[place].attrs = [["class", style.replace("text-align:", "align-")]];
    return self.renderToken(tokens, place, options);
  };
}

// Loaded with the first formula; until then formulas stay TeX.
let math = null;

// Renders a text to a fragment. `known` is markdown-it's environment (link references, open
// headings) and is shared by consecutive parts of one text. The last code block of a growing text
// is not highlighted yet.
export function markdown(text, { known = {}, growing = false } = {}) {
  const made = sanitize(reader.render(text, known));
  // Direction per block, for mixed languages; code is always left to right.
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

// Length of the part of a growing text that later text cannot change: all but the last block and
// any unfinished line.
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
    link.replaceWith(...link.childNodes); // removed by the sanitizer
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
    import("./math.js").then((module) => (math = module)).then(set, () => {}); // or leave them as TeX
}
