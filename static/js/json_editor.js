// Text areas for JSON (data-json): errors are told at their line, those that the server finds too.

import { t } from "./bootstrap.js";
import { lineOfPath, scanJson } from "./json_lines.js";

// What is wrong with the text as JSON; "" if nothing.
export function jsonMessage({ dataset, value }) {
  if (dataset.json === undefined || !value.trim()) return "";
  const { error } = scanJson(value);
  return error === null ? "" : t("json_line", { line: error });
}

// A place in a schema, as the server's messages name it: a JSON pointer (RFC 6901).
const POINTER = /\bat #\/(\S+)/;

// Shows the server's message at the line it is about. `param` is the error's path in the request,
// in which the text is found at the input's name and data-json.
export function showServerError(input, param, message) {
  if (input?.dataset.json === undefined) return;
  const root = [input.name, input.dataset.json].filter((part) => part).join(".");
  const path = param.startsWith(`${root}.`) ? param.slice(root.length + 1).split(".") : [];
  const line = lineOfPath(input.value, pointerNames(message) ?? path);
  input.setAttribute("aria-invalid", "true");
  const errorText = input.closest(".parameter").querySelector(".field-error");
  errorText.textContent = t("json_line_server", { line, message });
}

function pointerNames(message) {
  const pointer = POINTER.exec(message)?.[1];
  const name = (part) => part.replaceAll("~1", "/").replaceAll("~0", "~");
  return pointer?.split("/").map(name);
}
