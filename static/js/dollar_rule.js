// A markdown-it rule for $formulas$. It distinguishes them from prices, shell variables and plain
// dollar signs.

// No space next to the dollars, on one line; \$ inside is a dollar sign. No backtick: that is code.
const BETWEEN = /\$(?![\s$])((?:[^$\\`\n]|\\[^\n])+)(?<!\s)\$(?![${])/y;
// No digit or letter next to the dollars ($5 and US$6, $HOME/$USER), except the $n$th and the $x$s.
const BEFORE = /[\w$]$/;
const AFTER = /^(?!(?:th|st|nd|rd|s)\b)\w/;
// A command makes it TeX even next to a digit: 3$\times$3.
const COMMAND = /^\\[a-zA-Z]/;
const NO_FORMULA = /^["'”’»)\]},.;:!?]|^[\p{Script=Han}\p{P}\s]+$/u;
const COMMANDS = /\\[a-zA-Z]+\s*(?:\{[^{}]*\})?/g;
const WORDS = /[\p{Script=Han}，。；、]|[a-zA-Z]{2,}/u;

export function dollarRule(state, silent) {
  const { src, pos, posMax } = state;
  if (src[pos] !== "$") return false;
  BETWEEN.lastIndex = pos;
  const match = BETWEEN.exec(src);
  const next = BETWEEN.lastIndex;
  if (
    !match ||
    next > posMax ||
    !isFormula(match[1], src.slice(Math.max(0, pos - 1), pos), src.slice(next, next + 3))
  )
    return false;
  if (!silent) state.push("math", "code", 0).content = match[1];
  state.pos = next;
  return true;
}

function isFormula(text, before, after) {
  if (before === "$") return false;
  if (COMMAND.test(text)) return true;
  if (BEFORE.test(before) || AFTER.test(after) || NO_FORMULA.test(text)) return false;
  return !/^\d/.test(text) || !WORDS.test(text.replace(COMMANDS, "")); // "5, and 6": two prices
}
