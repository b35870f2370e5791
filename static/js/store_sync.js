// Updates an open conversation from the store.
import { loadConversation, saveHead, saveTurn } from "./conversation_store.js";
import { mergeStored } from "./conversation_tree.js";

// Keeps `live`, the turn being generated here (or null), and its ancestors. Returns false if the
// conversation was deleted.
export function syncFromStore(conversation, live) {
  const stored = loadConversation(conversation.id);
  if (!stored && !live) return false;
  const unsaved = stored
    ? mergeStored(conversation, stored, live)
    : Object.values(conversation.nodes);
  for (const node of unsaved) if (node !== live || node.content) saveTurn(conversation, node);
  if (!stored) saveHead(conversation);
  return true;
}
