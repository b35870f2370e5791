// Reads <br>, the one tag that models write where Markdown has no words for it: in a table's cell.
// Knows nothing about other markup, which stays text.
const BREAK = /<br *\/?>/iy;

export function breakRule(reader) {
  reader.inline.ruler.before("autolink", "break", (state, silent) => {
    BREAK.lastIndex = state.pos;
    const found = BREAK.exec(state.src);
    if (!found || BREAK.lastIndex > state.posMax) return false;
    if (!silent) state.push("hardbreak", "br", 0);
    state.pos = BREAK.lastIndex;
    return true;
  });
}
