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

const md = MarkdownIt({ html: false, breaks: true });
for (const rules of [cjkFriendly, mathRules, linkRules, taskRule, footnoteRule, breakRule])
  md.use(rules);
const { rules } = md.renderer;

// Headings of a message come below its author's heading (h2) and skip no level; their size follows
// the level in the source. `headings` are the open levels.
rules.heading_open = (tokens, index, options, env, renderer) => {
  const [open, , close] = tokens.slice(index, index + 3);
  const rank = Number(open.tag[1]);
  env.headings = [...(env.headings ?? []).filter((each) => each < rank), rank];
  open.attrJoin("class", `rank-${rank}`);
  close.tag = open.tag = `h${Math.min(6, env.headings.length + 2)}`;
  return renderer.renderToken(tokens, index, options);
};

// Alignment becomes a class: the page's CSP forbids inline styles.
for (const name of ["th_open", "td_open"]) {
  rules[name] = (tokens, index, options, _, renderer) => {
    const style = tokens[index].attrGet("style");
    if (style) tokens[index].attrs = [["class", style.replace("text-align:", "align-")]];
    return renderer.renderToken(tokens, index, options);
  };
}

// Loaded with the first formula; until then formulas stay TeX.
let math = null;

// Renders a text to a fragment. `env` is markdown-it's environment (link references, open
// headings) and is shared by consecutive parts of one text. The last code block of a growing text
// is not highlighted yet.
export function markdown(text, { env = {}, growing = false } = {}) {
  const fragment = sanitize(md.render(text, env));
  // Direction per block, for mixed languages; code is always left to right.
  for (const block of fragment.children)
    if (!block.matches("pre, .math")) block.setAttribute("dir", "auto");
  fragment.querySelectorAll("a").forEach(openInNewTab);
  for (const task of fragment.querySelectorAll(".task")) {
    task.setAttribute("role", "img");
    task.setAttribute("aria-label", t(task.matches(".done") ? "task_done" : "task_open"));
  }
  const open = growing ? [...fragment.querySelectorAll("pre")].at(-1) : null;
  for (const block of fragment.querySelectorAll("pre")) wrapCodeBlock(block, block !== open);
  for (const table of fragment.querySelectorAll("table")) {
    const wrapper = element("div", { class: "scroll", tabindex: "-1" });
    table.replaceWith(wrapper);
    wrapper.append(table);
  }
  typeset(fragment.querySelectorAll("code.math"));
  return fragment;
}

// Length of the part of a growing text that later text cannot change: all but the last block and
// any unfinished line.
export function finishedLength(text) {
  const lines = text.slice(0, text.lastIndexOf("\n") + 1);
  const blocks = [];
  const env = { openFormula: Infinity };
  md.block.parse(lines, md, env, blocks);
  const topLevel = blocks.filter(({ level, nesting }) => level === 0 && nesting >= 0);
  const last = topLevel.findLast(({ map }) => map[0] <= env.openFormula);
  let end = 0;
  for (let line = last?.map[0] ?? 0; line > 0; line -= 1) end = lines.indexOf("\n", end) + 1;
  return end;
}

function openInNewTab(link) {
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
  const render = () => {
    for (const formula of formulas) math.typeset(formula);
  };
  if (math) render();
  else if (formulas.length)
    import("./math.js").then((module) => (math = module)).then(render, () => {}); // or leave them as TeX
}
