// Takes a conversation off the list in which nothing is left: no turn, no draft, no settings of its own.
// Knows nothing about lists, or about how it came to be empty.

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
