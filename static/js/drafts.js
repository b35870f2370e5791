// Per conversation: unsent text, queued messages and reading position, in sessionStorage.

import { newConversation } from "./conversation_tree.js";
import { validateConversation } from "./conversation_validation.js";
import { savedDefaults } from "./saved_defaults.js";

const DRAFT = "westlake:draft:";
const BLANK = "westlake:fresh";
const EMPTY_DRAFT = { text: "", queue: [], reading: null };

const fallback = new Map(); // fallback where storage is full or blocked

// {text, queue: messages that wait for an answer to end, reading: scroll position}
export function draftOf(id) {
  try {
    const { text, queue, reading } = JSON.parse(readItem(DRAFT + id));
    return { text: String(text), queue: queue.map(String), reading };
  } catch {
    return EMPTY_DRAFT;
  }
}

export function saveDraft(id, changes) {
  const draft = { ...draftOf(id), ...changes };
  const empty = !draft.text && !draft.queue.length && !draft.reading;
  writeItem(DRAFT + id, empty ? null : JSON.stringify(draft));
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
export function blankConversation(isUsed) {
  const created = { ...newConversation(), ...savedDefaults() };
  try {
    const saved = validateConversation({ ...created, ...JSON.parse(readItem(BLANK)) });
    if (saved.id !== created.id && !isUsed(saved.id)) return saved;
  } catch {
    // Damaged or foreign value.
  }
  writeItem(BLANK, JSON.stringify({ id: created.id }));
  return created;
}

export function saveBlankConversation(conversation) {
  writeItem(BLANK, JSON.stringify(conversation));
}

export function clearBlankConversation() {
  writeItem(BLANK, null);
}

function readItem(key) {
  try {
    return fallback.get(key) ?? sessionStorage.getItem(key);
  } catch {
    return fallback.get(key) ?? null;
  }
}

function writeItem(key, text) {
  fallback.delete(key);
  try {
    if (text === null) sessionStorage.removeItem(key);
    else sessionStorage.setItem(key, text);
  } catch {
    if (text !== null) fallback.set(key, text);
  }
}
