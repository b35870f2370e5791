// Exports conversations to a file and imports them.

import { t } from "./bootstrap.js";
import { download, parseConversationFile, toJson } from "./conversation_files.js";
import { loadAllConversations, saveConversation, undoable } from "./conversation_store.js";
import { byId } from "./element.js";
import { showFailure } from "./notices.js";
import { offerUndo } from "./undo.js";

// `onRestore` is called with the id of the imported conversation, also after its undo.
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

// Turns from the file are added to existing conversations; they replace turns with the same id.
function bring(brought, restored) {
  if (!brought.length) return;
  const undo = undoable(() => brought.forEach(saveConversation));
  restored(brought[0].id);
  offerUndo(t("imported", { count: brought.length }), () => {
    undo();
    restored(brought[0].id);
  });
}
