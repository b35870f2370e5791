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

export function mathRules(md) {
  md.inline.ruler.before("escape", "math", inlineRule);
  md.inline.ruler.after("math", "dollars", dollarRule);
  md.block.ruler.before("fence", "math", blockRule, { alt: ["paragraph", "list"] });
  const { rules } = md.renderer;
  const code = (content, display) =>
    `<code class="math${display ? " display" : ""}">${md.utils.escapeHtml(content.trim())}</code>`;
  rules.math = (tokens, index) => code(tokens[index].content, tokens[index].markup);
  const fence = rules.fence;
  rules.fence = (tokens, index, ...rest) =>
    isFormula(tokens[index]) ? code(tokens[index].content, true) : fence(tokens, index, ...rest);
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
function delimiters(text, kinds) {
  const name = ENVIRONMENT.exec(text)?.[1];
  if (name)
    return {
      open: `\\begin{${name}}`,
      close: `\\end{${name}}`,
      display: true,
      isEnvironment: true,
    };
  const [open, close, display] = kinds.find(([begin]) => text.startsWith(begin)) ?? [];
  return open ? { open, close, display, isEnvironment: false } : null;
}

function inlineRule(state, silent) {
  const { src, pos, posMax } = state;
  if (src[pos] !== "\\" && src[pos] !== "$") return false;
  const formula = delimiters(src.slice(pos, pos + 30), INLINE);
  if (!formula) return false;
  const begin = pos + formula.open.length;
  if (isUnclosed(state, formula.close)) return false;
  const end = src.indexOf(formula.close, begin);
  if (end < 0) markUnclosed(state, formula.close);
  const next = end + formula.close.length;
  if (end < 0 || next > posMax || end === begin) return false;
  if (!silent)
    push(
      state,
      formula.isEnvironment ? src.slice(pos, next) : src.slice(begin, end),
      formula.display,
    );
  state.pos = next;
  return true;
}

function blockRule(state, first, last, silent) {
  const line = (lineNumber) =>
    state.src.slice(state.bMarks[lineNumber] + state.tShift[lineNumber], state.eMarks[lineNumber]);
  const formula = delimiters(line(first), BLOCK);
  if (!formula) return false;
  const { open, close, isEnvironment } = formula;
  const key = `${close} ${last}`; // a list item ends earlier than the text around it
  if (isUnclosed(state, key)) return false;
  let text = line(first).slice(open.length);
  let next = first + 1;
  for (let lastLine = text; !lastLine.includes(close) && next < last; next += 1) {
    lastLine = line(next);
    text += `\n${lastLine}`;
  }
  if (!text.includes(close)) {
    state.env.openFormula = Math.min(first, state.env.openFormula ?? first);
    markUnclosed(state, key);
  }
  if (!text.trimEnd().endsWith(close)) return false;
  if (silent) return true;
  const content = isEnvironment ? open + text : text.trimEnd().slice(0, -close.length);
  push(state, content, true).map = [first, next];
  state.line = next;
  return true;
}

// Remembers delimiters without a closing one, so that many opening ones take linear time.
const isUnclosed = (state, close) => state.unclosed?.has(close);
const markUnclosed = (state, close) => (state.unclosed ??= new Set()).add(close);

function push(state, content, display) {
  const token = state.push("math", "code", 0);
  token.content = content;
  token.markup = display ? "display" : "";
  return token;
}
