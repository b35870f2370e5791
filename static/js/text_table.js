// Parses pasted text as lines, or as comma- or tab-separated columns.
export const textLines = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line);

// Returns {names, rows, likeliest: index of the column with the most text}, or null if the lines do
// not all have the same number of columns, two or more.
export function parseTable(text) {
  for (const mark of ["\t", ","]) {
    if (!text.includes(mark)) continue;
    const rows = parse(text, mark).filter((row) => row.some((cell) => cell.trim()));
    const width = rows[0]?.length ?? 0;
    if (rows.length < 2 || width < 2 || rows.some((row) => row.length !== width)) continue;
    // Commas followed by a space are prose, not columns.
    const headed = rows[0].every((cell) => /^[\p{L}\p{N} _.-]{1,30}$/u.test(cell.trim()));
    const prose = rows.some((row) => row.slice(1).some((cell) => cell.startsWith(" ")));
    if (mark === "," && !text.includes('"') && (prose || !headed)) continue;
    return described(rows, headed);
  }
  return null;
}

export const columnTexts = ({ rows }, place) =>
  rows.map((row) => row[place].trim()).filter((cell) => cell);

function described(all, headed) {
  const rows = headed ? all.slice(1) : all;
  const names = all[0].map((cell, place) => (headed ? cell.trim() : String(place + 1)));
  const sizes = names.map((_, place) => rows.reduce((sum, row) => sum + row[place].length, 0));
  return { names, rows, likeliest: sizes.indexOf(Math.max(...sizes)) };
}

// RFC 4180: a quoted cell may contain separators, line breaks and doubled quotes.
function parse(text, mark) {
  const rows = [[]];
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^${mark}\\n]*))(${mark}|\\r?\\n|$)`, "gy");
  for (let found = cell.exec(text); found; found = cell.exec(text)) {
    const [, quoted, bare, end] = found;
    rows.at(-1).push(quoted === undefined ? bare.replace(/\r$/, "") : quoted.replaceAll('""', '"'));
    if (end === "" && cell.lastIndex === text.length) return rows;
    if (end !== mark) rows.push([]);
  }
  return [];
}
