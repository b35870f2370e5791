// Deletes a conversation without turns, draft or changed settings.

import { deleteConversation, loadConversation } from "./conversation_store.js";
import { draftOf, saveDraft } from "./drafts.js";
import { savedDefaults } from "./saved_defaults.js";

export function removeIfEmpty(id) {
  const kept = loadConversation(id);
  if (
    !kept ||
    kept.leaf !== null ||
    begun(draftOf(id)) ||
    settings(kept) !== settings(savedDefaults())
  )
    return;
  saveDraft(id, { reading: null });
  deleteConversation(id);
}

const begun = ({ text, queue }) => text !== "" || queue.length > 0;
const settings = ({ system, options }) => JSON.stringify([system, Object.entries(options).sort()]);
