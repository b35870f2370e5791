// Deletes a conversation without turns, draft or changed settings.

import { deleteConversation, loadConversation } from "./conversation_store.js";
import { draftOf, saveDraft } from "./drafts.js";
import { savedDefaults } from "./saved_defaults.js";

export function removeIfEmpty(id) {
  const saved = loadConversation(id);
  if (
    !saved ||
    saved.leaf !== null ||
    hasDraft(draftOf(id)) ||
    settingsKey(saved) !== settingsKey(savedDefaults())
  )
    return;
  saveDraft(id, { reading: null });
  deleteConversation(id);
}

const hasDraft = ({ text, queue }) => text !== "" || queue.length > 0;
const settingsKey = ({ system, options }) =>
  JSON.stringify([system, Object.entries(options).sort()]);
