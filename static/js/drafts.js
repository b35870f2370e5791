// Per conversation: unsent text, queued messages and reading position, in sessionStorage.

import { newConversation } from "./conversation_tree.js";
import { validateConversation } from "./conversation_validation.js";
import { savedDefaults } from "./saved_defaults.js";

const DRAFT = "westlake:draft:";
const FRESH = "westlake:fresh";
const NOTHING = { text: "", queue: [], reading: null };

const kept = new Map(); // fallback where storage is full or blocked

// {text, queue: messages that wait for an answer to end, reading: scroll position}
export function draftOf(id) {
  try {
    const { text, queue, reading } = JSON.parse(get(DRAFT + id));
    return { text: String(text), queue: queue.map(String), reading };
  } catch {
    return NOTHING;
  }
}

export function saveDraft(id, changes) {
  const draft = { ...draftOf(id), ...changes };
  const empty = !draft.text && !draft.queue.length && !draft.reading;
  put(DRAFT + id, empty ? null : JSON.stringify(draft));
}

// Moves messages that were queued behind a lost answer into the draft and returns the draft's text.
export function queueToDraft(id) {
  const { text, queue } = draftOf(id);
  if (!queue.length) return text;
  saveDraft(id, { text: [...queue, text].filter((each) => each).join("\n\n"), queue: [] });
  return draftOf(id).text;
}

// The new conversation before its first message: there is one per browser tab. It starts with the
// user's saved defaults. `isUsed(id)` tells whether a duplicate of this tab has started it.
export function blankConversation(begun) {
  const made = { ...newConversation(), ...savedDefaults() };
  try {
    const fresh = validateConversation({ ...made, ...JSON.parse(get(FRESH)) });
    if (fresh.id !== made.id && !begun(fresh.id)) return fresh;
  } catch {
    // Damaged or foreign value.
  }
  put(FRESH, JSON.stringify({ id: made.id }));
  return made;
}

export function saveBlankConversation(conversation) {
  put(FRESH, JSON.stringify(conversation));
}

export function clearBlankConversation() {
  put(FRESH, null);
}

function get(name) {
  try {
    return kept.get(name) ?? sessionStorage.getItem(name);
  } catch {
    return kept.get(name) ?? null;
  }
}

function put(name, text) {
  kept.delete(name);
  try {
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch {
    if (text !== null) kept.set(name, text);
  }
}
