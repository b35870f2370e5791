// Finds formulas between \( \), \[ \] and $$ $$ before Markdown eats their backslashes, and the line
// where one begins that does not end. Knows nothing about what a formula means. A single $ is a price.
const INLINE = [["\\(", "\\)", false], ["\\[", "\\]", true], ["$$", "$$", true]];
const BLOCK = [["\\[", "\\]"], ["$$", "$$"]];

export function mathsRules(reader) {
  reader.inline.ruler.before("escape", "maths", inlineRule);
  reader.block.ruler.before("fence", "maths", blockRule, { alt: ["paragraph", "list"] });
  reader.renderer.rules.maths = (tokens, place) => {
    const { content, markup } = tokens[place];
    const tex = reader.utils.escapeHtml(content.trim());
    return `<code class="maths${markup ? " display" : ""}">${tex}</code>`;
  };
}

function inlineRule(state, silent) {
  const found = INLINE.find(([open]) => state.src.startsWith(open, state.pos));
  if (!found) return false;
  const [open, close, display] = found;
  const end = state.src.indexOf(close, state.pos + open.length);
  if (end < 0 || end === state.pos + open.length) return false;
  if (!silent) push(state, state.src.slice(state.pos + open.length, end), display);
  state.pos = end + close.length;
  return true;
}

function blockRule(state, first, last, silent) {
  const line = (number) => state.src.slice(state.bMarks[number] + state.tShift[number], state.eMarks[number]);
  const found = BLOCK.find(([open]) => line(first).startsWith(open));
  if (!found) return false;
  const [open, close] = found;
  let text = line(first).slice(open.length);
  let next = first + 1;
  while (!text.includes(close) && next < last) {
    text += `\n${line(next)}`;
    next += 1;
  }
  if (!text.includes(close)) state.env.openFormula = Math.min(first, state.env.openFormula ?? first);
  if (!text.trimEnd().endsWith(close)) return false;
  if (silent) return true;
  push(state, text.trimEnd().slice(0, -close.length), true).map = [first, next];
  state.line = next;
  return true;
}

function push(state, content, display) {
  const token = state.push("maths", "code", 0);
  token.content = content;
  token.markup = display ? "display" : "";
  return token;
}
