// Downloads texts and vectors as JSON or CSV.

import { t } from "./bootstrap.js";
import { download } from "./conversation_files.js";
import { element, icon } from "./element.js";

export function vectorDownloads(texts, vectors, model) {
  const json = () =>
    JSON.stringify({ model, data: texts.map((text, i) => ({ text, embedding: vectors[i] })) });
  return element(
    "div",
    { class: "files" },
    button(t("download", { kind: "JSON" }), () =>
      download("embeddings.json", "application/json", json()),
    ),
    button(t("download", { kind: "CSV" }), () =>
      download("embeddings.csv", "text/csv", csv(texts, vectors)),
    ),
  );
}

function button(label, onClick) {
  return element(
    "button",
    { type: "button", class: "outlined", onclick: onClick },
    icon("download"),
    ` ${label}`,
  );
}

// The BOM tells spreadsheets that it is UTF-8.
function csv(texts, vectors) {
  const header = ["text", ...vectors[0].map((_, place) => place)].join(",");
  const rows = texts.map((text, i) => [quoteCell(text), ...vectors[i]].join(","));
  return `\ufeff${[header, ...rows].join("\r\n")}\r\n`;
}

// Prevents formula injection: an apostrophe before cells that begin like a formula.
function quoteCell(text) {
  const escaped = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${escaped.replaceAll('"', '""')}"`;
}
