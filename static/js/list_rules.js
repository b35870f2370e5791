// Markdown-it rules for task lists and footnotes.

const MARK = /^\[([ xX])\][ \u3000]/;
const NOTE = /^\[\^(\d{1,4})\]:[ \t]*(?=\S)/;
const REFERENCE = /\[\^(\d{1,4})\](?!:)/y;

export function taskRule(md) {
  md.core.ruler.after("inline", "tasks", ({ tokens, Token }) => {
    tokens.forEach(({ type, children }, index) => {
      const item = tokens[index - 2];
      if (type !== "inline" || item?.type !== "list_item_open") return;
      const match = MARK.exec(children[0]?.content ?? "");
      if (!match || children[0].type !== "text") return;
      children[0].content = children[0].content.slice(match[0].length);
      children.unshift(...box(Token, match[1] !== " "));
      item.attrJoin("class", "task-item");
    });
  });
}

// The text is invisible but included when copied.
function box(Token, done) {
  const open = new Token("task_open", "span", 1);
  open.attrs = [["class", "task"]];
  if (done) open.attrJoin("class", "done");
  const text = new Token("text", "", 0);
  text.content = done ? "[x] " : "[ ] ";
  return [open, text, new Token("task_close", "span", -1)];
}

// A footnote is shown where it is defined, so that it never changes the text before it.
export function footnoteRule(md) {
  md.block.ruler.before("reference", "footnote", footnoteBlock, { alt: ["paragraph"] });
  md.inline.ruler.before("link", "footnote", footnoteReference);
  md.renderer.rules.footnote = (tokens, index) => `<sup>${tokens[index].content}</sup>`;
}

function footnoteBlock(state, first, last, silent) {
  const line = (lineNumber) =>
    state.src.slice(state.bMarks[lineNumber] + state.tShift[lineNumber], state.eMarks[lineNumber]);
  const match = NOTE.exec(line(first));
  if (!match || state.sCount[first] - state.blkIndent >= 4) return false;
  if (silent) return true;
  let next = first + 1;
  while (
    next < last &&
    !state.isEmpty(next) &&
    !NOTE.test(line(next)) &&
    state.sCount[next] >= state.blkIndent
  )
    next += 1;
  const open = state.push("paragraph_open", "p", 1);
  open.attrs = [["class", "footnote"]];
  open.map = [first, next];
  const inline = state.push("inline", "", 0);
  inline.content = `[^${match[1]}] ${state.getLines(first, next, state.blkIndent, false).trim().slice(match[0].length)}`;
  inline.map = open.map;
  inline.children = [];
  state.push("paragraph_close", "p", -1);
  state.line = next;
  return true;
}

function footnoteReference(state, silent) {
  REFERENCE.lastIndex = state.pos;
  const match = REFERENCE.exec(state.src);
  if (!match || REFERENCE.lastIndex > state.posMax) return false;
  if (!silent) state.push("footnote", "sup", 0).content = match[1];
  state.pos = REFERENCE.lastIndex;
  return true;
}
