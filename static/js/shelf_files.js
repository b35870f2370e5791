// Conversations out of the browser into a file, and back.
// Knows nothing about what is in them, or how they are listed.
import { byId } from "./element.js";
import { say } from "./given.js";
import { showFailure } from "./notices.js";
import { allConversations, saveWhole, undoable } from "./store.js";
import { download, fromFile, toJson } from "./transfer.js";
import { offerUndo } from "./undo.js";

// `restored` is told which conversation has been brought, or is as it was before.
export function startShelfFiles({ restored }) {
  byId("export-all").addEventListener("click", exportAll);
  byId("import").addEventListener("click", () => byId("import-file").click());
  byId("import-file").addEventListener("change", () => importFile(restored));
}

export function exportAll() {
  download("westlake.json", "application/json", toJson(allConversations()));
}

async function importFile(restored) {
  const [file] = byId("import-file").files;
  byId("import-file").value = "";
  if (!file) return;
  try {
    bring(await fromFile(file), restored);
  } catch (error) {
    showFailure("chat", error);
  }
}

// What is here already gets the file's turns beside its own; where both have one, the file's counts.
function bring(brought, restored) {
  if (!brought.length) return;
  const undo = undoable(() => brought.forEach(saveWhole));
  restored(brought[0].id);
  offerUndo(say("imported", { count: brought.length }), () => {
    undo();
    restored(brought[0].id);
  });
}
