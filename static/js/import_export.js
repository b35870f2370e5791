// Exports conversations to a file and imports them.

import { t } from "./bootstrap.js";
import { download, parseConversationFile, toJson } from "./conversation_files.js";
import { loadAllConversations, saveConversation, undoable } from "./conversation_store.js";
import { byId } from "./element.js";
import { showFailure } from "./notices.js";
import { offerUndo } from "./undo.js";

// `onRestore` is called with the id of the imported conversation, also after its undo.
export function startImportExport({ onRestore }) {
  byId("export-all").addEventListener("click", exportConversations);
  byId("import").addEventListener("click", () => byId("import-file").click());
  byId("import-file").addEventListener("change", () => importFile(onRestore));
}

export function exportConversations() {
  download("westlake.json", "application/json", toJson(loadAllConversations()));
}

async function importFile(onRestore) {
  const [file] = byId("import-file").files;
  byId("import-file").value = "";
  if (!file) return;
  try {
    importConversations(await parseConversationFile(file), onRestore);
  } catch (error) {
    showFailure("chat", error);
  }
}

// Turns from the file are added to existing conversations; they replace turns with the same id.
function importConversations(conversations, onRestore) {
  if (!conversations.length) return;
  const undo = undoable(() => conversations.forEach(saveConversation));
  onRestore(conversations[0].id);
  offerUndo(t("imported", { count: conversations.length }), () => {
    undo();
    onRestore(conversations[0].id);
  });
}
