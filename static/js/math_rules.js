// Markdown-it rules for formulas in \( \), \[ \] and $$ $$, environments such as \begin{align}, and
// ```math fences, before Markdown's escapes. Single dollars: dollar_rule.js. env.openFormula is the
// line of a formula that is not closed yet.
import { dollarRule } from "./dollar_rule.js";

const INLINE = [
  ["\\(", "\\)", false],
  ["\\[", "\\]", true],
  ["$$", "$$", true],
];
const BLOCK = [
  ["\\[", "\\]"],
  ["$$", "$$"],
];
const ENVIRONMENT =
  /^\\begin\{((?:align|aligned|alignat|alignedat|equation|gather|gathered|multline|split|array|d?cases|rcases|smallmatrix|[pbBvV]?matrix)\*?)\}/;

export function mathRules(reader) {
  reader.inline.ruler.before("escape", "math", inlineRule);
  reader.inline.ruler.after("math", "dollars", dollarRule);
  reader.block.ruler.before("fence", "math", blockRule, { alt: ["paragraph", "list"] });
  const { rules } = reader.renderer;
  const code = (content, display) =>
    `<code class="math${display ? " display" : ""}">${reader.utils.escapeHtml(content.trim())}</code>`;
  rules.math = (tokens, place) => code(tokens[place].content, tokens[place].markup);
  const fence = rules.fence;
  rules.fence = (tokens, place, ...rest) =>
    isFormula(tokens[place]) ? code(tokens[place].content, true) : fence(tokens, place, ...rest);
}

// An unfinished fence stays code.
function isFormula({ info, content, map: [first, next] }) {
  return (
    info.trim() === "math" &&
    content.endsWith("\n") &&
    next - first === content.split("\n").length + 1
  );
}

// The delimiters of the formula at the start of `text`. An environment's delimiters belong to it.
function marks(text, kinds) {
  const name = ENVIRONMENT.exec(text)?.[1];
  if (name)
    return { open: `\\begin{${name}}`, close: `\\end{${name}}`, display: true, whole: true };
  const [open, close, display] = kinds.find(([begin]) => text.startsWith(begin)) ?? [];
  return open ? { open, close, display, whole: false } : null;
}

function inlineRule(state, silent) {
  const { src, pos, posMax } = state;
  if (src[pos] !== "\\" && src[pos] !== "$") return false;
  const found = marks(src.slice(pos, pos + 30), INLINE);
  if (!found) return false;
  const begin = pos + found.open.length;
  if (isUnclosed(state, found.close)) return false;
  const end = src.indexOf(found.close, begin);
  if (end < 0) unclosed(state, found.close);
  const next = end + found.close.length;
  if (end < 0 || next > posMax || end === begin) return false;
  if (!silent)
    push(state, found.whole ? src.slice(pos, next) : src.slice(begin, end), found.display);
  state.pos = next;
  return true;
}

function blockRule(state, first, last, silent) {
  const line = (number) =>
    state.src.slice(state.bMarks[number] + state.tShift[number], state.eMarks[number]);
  const found = marks(line(first), BLOCK);
  if (!found) return false;
  const { open, close, whole } = found;
  const inside = `${close} ${last}`; // a list item ends earlier than the text around it
  if (isUnclosed(state, inside)) return false;
  let text = line(first).slice(open.length);
  let next = first + 1;
  for (let latest = text; !latest.includes(close) && next < last; next += 1) {
    latest = line(next);
    text += `\n${latest}`;
  }
  if (!text.includes(close)) {
    state.env.openFormula = Math.min(first, state.env.openFormula ?? first);
    unclosed(state, inside);
  }
  if (!text.trimEnd().endsWith(close)) return false;
  if (silent) return true;
  const content = whole ? open + text : text.trimEnd().slice(0, -close.length);
  push(state, content, true).map = [first, next];
  state.line = next;
  return true;
}

// Remembers delimiters without a closing one, so that many opening ones take linear time.
const isUnclosed = (state, close) => state.unclosed?.has(close);
const unclosed = (state, close) => (state.unclosed ??= new Set()).add(close);

function push(state, content, display) {
  const token = state.push("math", "code", 0);
  token.content = content;
  token.markup = display ? "display" : "";
  return token;
}
