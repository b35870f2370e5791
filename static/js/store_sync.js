// Brings a conversation that lies open here up to what is kept of it.
// Knows nothing about who has changed that.
import { loadConversation, saveHead, saveTurn } from "./conversation_store.js";
import { mergeStored } from "./conversation_tree.js";

// `live`, the turn that is being written here, or null, stays with all that it answers. False when
// the conversation has been removed.
export function syncFromStore(conversation, live) {
  const stored = loadConversation(conversation.id);
  if (!stored && !live) return false;
  const missing = stored
    ? mergeStored(conversation, stored, live)
    : Object.values(conversation.nodes);
  for (const node of missing) if (node !== live || node.content) saveTurn(conversation, node);
  if (!stored) saveHead(conversation);
  return true;
}
