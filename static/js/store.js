// Keeps conversations in this browser, each under a key of its own, so that two windows do not
// write over each other's. Knows nothing about pages; it checks what it reads like a stranger's.
import { checked } from "./conversation_check.js";

const PREFIX = "westlake:v1:chat:";

// Thrown when the browser has no room, or forbids storage.
export class StoreFull extends Error {}

export function allConversations() {
  const found = keys().map(read).filter((conversation) => conversation !== null);
  return found.sort((a, b) => b.updated - a.updated);
}

export function load(id) {
  return read(PREFIX + id);
}

export function save(conversation) {
  try {
    localStorage.setItem(PREFIX + conversation.id, JSON.stringify(conversation));
  } catch (error) {
    throw new StoreFull(error.message);
  }
}

export function forget(id) {
  try {
    localStorage.removeItem(PREFIX + id);
  } catch {
    // What could not be stored need not be removed.
  }
}

// Calls `told` when another window has changed something.
export function onChange(told) {
  addEventListener("storage", ({ key }) => {
    if (key === null || key.startsWith(PREFIX)) told();
  });
}

function keys() {
  try {
    return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
  } catch {
    return [];
  }
}

function read(key) {
  try {
    return checked(JSON.parse(localStorage.getItem(key)));
  } catch {
    return null; // not ours, or damaged: left where it is, not shown
  }
}
