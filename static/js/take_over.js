// Brings a conversation that lies open here up to what is kept of it.
// Knows nothing about who has changed that.
import { load, saveTurn, saveWhole } from "./store.js";
import { adopt } from "./tree.js";

// `live`, the turn that is being written here, or null, stays with all that it answers. False when
// the conversation has been removed.
export function takeOver(conversation, live) {
  const stored = load(conversation.id);
  if (stored) {
    const missing = adopt(conversation, stored, live);
    for (const node of missing) if (node.content) saveTurn(conversation, node);
  } else if (live) {
    saveWhole(conversation);
  }
  return stored !== null || live !== null;
}
