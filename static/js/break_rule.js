// A markdown-it rule for <br>, which models write in table cells. All other HTML stays text.
const BREAK = /<br *\/?>/iy;

export function breakRule(md) {
  md.inline.ruler.before("autolink", "break", (state, silent) => {
    BREAK.lastIndex = state.pos;
    const match = BREAK.exec(state.src);
    if (!match || BREAK.lastIndex > state.posMax) return false;
    if (!silent) state.push("hardbreak", "br", 0);
    state.pos = BREAK.lastIndex;
    return true;
  });
}
