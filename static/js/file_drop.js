// Inserts the text of dropped or pasted files into the current tab's text box.

import { formatNumber, t, UserError } from "./bootstrap.js";
import { byId } from "./element.js";
import { announce, clearFailure, showFailure } from "./notices.js";
import { currentTab } from "./tabs.js";

const MAX_BYTES = 1_000_000;

export function startFileDrop() {
  addEventListener("dragover", (event) => {
    const files = event.dataTransfer.types.includes("Files");
    if (!files && event.target.closest(":is(textarea,input)")) return; // selected text that is dragged
    event.preventDefault();
    event.dataTransfer.dropEffect = files ? "copy" : "none";
    document.body.classList.toggle("drop-target", files);
  });
  addEventListener(
    "dragleave",
    ({ relatedTarget }) => relatedTarget ?? document.body.classList.remove("drop-target"),
  );
  addEventListener("drop", (event) => {
    document.body.classList.remove("drop-target");
    const { files } = event.dataTransfer;
    if (!files.length && event.target.closest(":is(textarea,input)")) return;
    event.preventDefault();
    insertFiles([...files], event.target);
  });
  addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    if (!files.length || types.includes("text/plain")) return;
    event.preventDefault();
    insertFiles([...files], event.target);
  });
}

async function insertFiles(files, target) {
  const tab = currentTab();
  const box = target.closest("textarea") ?? byId(tab).querySelector("textarea[required]");
  if (!files.length || document.querySelector("dialog[open]")) return;
  clearFailure(tab);
  for (const file of files) {
    try {
      const text = await textOf(file);
      insert(box, text);
      announce(t("file_read", { name: file.name, count: formatNumber(text.length) }));
    } catch (error) {
      showFailure(tab, error);
    }
  }
}

// Throws UserError.
async function textOf(file) {
  if (file.size > MAX_BYTES) throw new UserError(t("file_large", { name: file.name }));
  const bytes = new Uint8Array(await file.arrayBuffer());
  for (const encoding of bytes.includes(0) ? [] : ["utf-8", "gb18030"]) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes).replace(/\r\n?/g, "\n");
    } catch {
      // Try the next encoding.
    }
  }
  throw new UserError(t("file_no_text", { name: file.name }));
}

// Inserts at the cursor, after an empty line.
function insert(box, text) {
  const before = box.value.slice(0, box.selectionStart);
  const separator = before && !before.endsWith("\n") ? "\n\n" : "";
  box.setRangeText(separator + text, box.selectionStart, box.selectionEnd, "end");
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
}
