// What a person has begun in each conversation and not sent, and where they were reading: it
// survives a reload, and ends with the tab. Knows nothing about boxes or scrolling.

import { newConversation } from "./conversation_tree.js";
import { validateConversation } from "./conversation_validation.js";
import { savedDefaults } from "./saved_defaults.js";

const DRAFT = "westlake:draft:";
const FRESH = "westlake:fresh";
const NOTHING = { text: "", queue: [], reading: null };

const kept = new Map(); // where the browser has no room or forbids storage, this page's life has to do

// {text, queue: messages that wait for an answer to end, reading: the place that is in sight}
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

// What waited for an answer that was lost with its page stands in the box again, and only there.
export function queueToDraft(id) {
  const { text, queue } = draftOf(id);
  if (!queue.length) return text;
  saveDraft(id, { text: [...queue, text].filter((each) => each).join("\n\n"), queue: [] });
  return draftOf(id).text;
}

// The conversation in which nothing has been said yet: there is one at a time. Its settings are the
// person's own until they are changed. `begun` tells whether a copy of this tab has used it.
export function blankConversation(begun) {
  const made = { ...newConversation(), ...savedDefaults() };
  try {
    const fresh = validateConversation({ ...made, ...JSON.parse(get(FRESH)) });
    if (fresh.id !== made.id && !begun(fresh.id)) return fresh;
  } catch {
    // What stands there is not ours.
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
