// Parses pasted text as lines, or as comma- or tab-separated columns.
export const textLines = (text) =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line);

// Returns {names, rows, likeliest: index of the column with the most text}, or null if the lines do
// not all have the same number of columns, two or more.
export function parseTable(text) {
  for (const separator of ["\t", ","]) {
    if (!text.includes(separator)) continue;
    const rows = parse(text, separator).filter((row) => row.some((cell) => cell.trim()));
    const columnCount = rows[0]?.length ?? 0;
    if (rows.length < 2 || columnCount < 2 || rows.some((row) => row.length !== columnCount))
      continue;
    // Commas followed by a space are prose, not columns.
    const hasHeader = rows[0].every((cell) => /^[\p{L}\p{N} _.-]{1,30}$/u.test(cell.trim()));
    const isProse = rows.some((row) => row.slice(1).some((cell) => cell.startsWith(" ")));
    if (separator === "," && !text.includes('"') && (isProse || !hasHeader)) continue;
    return describeTable(rows, hasHeader);
  }
  return null;
}

export const columnTexts = ({ rows }, index) =>
  rows.map((row) => row[index].trim()).filter((cell) => cell);

function describeTable(allRows, hasHeader) {
  const rows = hasHeader ? allRows.slice(1) : allRows;
  const names = allRows[0].map((cell, index) => (hasHeader ? cell.trim() : String(index + 1)));
  const lengths = names.map((_, index) => rows.reduce((sum, row) => sum + row[index].length, 0));
  return { names, rows, likeliest: lengths.indexOf(Math.max(...lengths)) };
}

// RFC 4180: a quoted cell may contain separators, line breaks and doubled quotes.
function parse(text, separator) {
  const rows = [[]];
  const cell = new RegExp(
    `(?:"((?:[^"]|"")*)"|([^${separator}\\n]*))(${separator}|\\r?\\n|$)`,
    "gy",
  );
  for (let match = cell.exec(text); match; match = cell.exec(text)) {
    const [, quotedCell, plainCell, end] = match;
    rows
      .at(-1)
      .push(
        quotedCell === undefined ? plainCell.replace(/\r$/, "") : quotedCell.replaceAll('""', '"'),
      );
    if (end === "" && cell.lastIndex === text.length) return rows;
    if (end !== separator) rows.push([]);
  }
  return [];
}
