// Conversations out of the browser into a file, and back.
// Knows nothing about what is in them, or how they are listed.

import { t } from "./bootstrap.js";
import { download, parseConversationFile, toJson } from "./conversation_files.js";
import { loadAllConversations, saveConversation, undoable } from "./conversation_store.js";
import { byId } from "./element.js";
import { showFailure } from "./notices.js";
import { offerUndo } from "./undo.js";

// `restored` is told which conversation has been brought, or is as it was before.
export function startImportExport({ restored }) {
  byId("export-all").addEventListener("click", exportConversations);
  byId("import").addEventListener("click", () => byId("import-file").click());
  byId("import-file").addEventListener("change", () => importFile(restored));
}

export function exportConversations() {
  download("westlake.json", "application/json", toJson(loadAllConversations()));
}

async function importFile(restored) {
  const [file] = byId("import-file").files;
  byId("import-file").value = "";
  if (!file) return;
  try {
    bring(await parseConversationFile(file), restored);
  } catch (error) {
    showFailure("chat", error);
  }
}

// What is here already gets the file's turns beside its own; where both have one, the file's counts.
function bring(brought, restored) {
  if (!brought.length) return;
  const undo = undoable(() => brought.forEach(saveConversation));
  restored(brought[0].id);
  offerUndo(t("imported", { count: brought.length }), () => {
    undo();
    restored(brought[0].id);
  });
}
