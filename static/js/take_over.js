// Brings a conversation that lies open here up to what is kept of it.
// Knows nothing about who has changed that.
import { load, saveHead, saveTurn } from "./store.js";
import { adopt } from "./tree.js";

// `live`, the turn that is being written here, or null, stays with all that it answers. False when
// the conversation has been removed.
export function takeOver(conversation, live) {
  const stored = load(conversation.id);
  if (!stored && !live) return false;
  const missing = stored ? adopt(conversation, stored, live) : Object.values(conversation.nodes);
  for (const node of missing) if (node !== live || node.content) saveTurn(conversation, node);
  if (!stored) saveHead(conversation);
  return true;
}
