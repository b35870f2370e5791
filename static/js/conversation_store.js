// Saves conversations in localStorage. Each turn has its own key, so two windows can add to one
// conversation without overwriting each other's turns. Everything read is validated.

import { byOrder } from "./conversation_tree.js";
import { validateConversation, validateTurn } from "./conversation_validation.js";
import * as storage from "./storage.js";

const OURS = "westlake:v2:";
const HEAD = `${OURS}chat:`; // a conversation without its turns
const TURN = `${OURS}turn:`; // a turn, after its conversation's id
const WHOLE = "westlake:v1:chat:"; // the format of version 0.2: one key per conversation

let known = null; // all heads, newest first

// All conversations without their turns, newest first.
export function conversationHeads() {
  known ??= storage
    .keys(HEAD)
    .map((name) => headOf(storage.read(name)))
    .filter(Boolean)
    .sort((a, b) => b.updated - a.updated);
  return known;
}

export const isSaved = (id) => storage.read(HEAD + id) !== null;

// A conversation with its turns, in order; null if there is none.
export function loadConversation(id) {
  const head = headOf(storage.read(HEAD + id));
  if (!head) return null;
  const turns = reached(storage.keys(turnName(id, "")).map(turnOf).filter(Boolean).sort(byOrder));
  const leaf = turns.some((turn) => turn.id === head.leaf) ? head.leaf : (turns.at(-1)?.id ?? null);
  return { ...head, nodes: Object.fromEntries(turns.map((turn) => [turn.id, turn])), leaf };
}

export const loadAllConversations = () =>
  conversationHeads()
    .map(({ id }) => loadConversation(id))
    .filter(Boolean);

export function saveHead({ id, title, created, updated, system, options, leaf }) {
  known = null;
  storage.write(HEAD + id, JSON.stringify({ id, title, created, updated, system, options, leaf }));
}

export function saveTurn({ id }, node) {
  storage.write(turnName(id, node.id), JSON.stringify(node));
}

export function saveConversation(conversation) {
  for (const node of Object.values(conversation.nodes)) saveTurn(conversation, node);
  saveHead(conversation);
}

export function deleteTurns({ id }, nodes) {
  for (const node of nodes) storage.write(turnName(id, node.id), null);
}

export function deleteConversation(id) {
  known = null;
  for (const name of [...storage.keys(turnName(id, "")), HEAD + id]) storage.write(name, null);
}

// Runs `change` and returns a function that undoes it turn by turn. Turns written after the change
// stay; a conversation that was deleted after it is listed again.
export function undoable(change) {
  const before = storage.recordChanges(change);
  const after = new Map(before.map(([name]) => [name, storage.read(name)]));
  return () => {
    known = null;
    for (const [name, text] of before) {
      const now = storage.read(name);
      const head = name.startsWith(HEAD);
      if (now === after.get(name) || (head && now === null)) storage.write(name, text);
      else if (head && text) showAsBefore(name, now, text);
    }
  };
}

// Calls `listener` with the ids of conversations that other windows have changed.
export function onStoreChange(told) {
  storage.onChange(OURS, (names) => {
    const ids = names?.map((name) => name.split(":")[3]) ?? conversationHeads().map(({ id }) => id);
    known = null;
    told(new Set(ids));
  });
}

// Converts conversations saved by version 0.2.
export function migrateV1() {
  for (const name of storage.keys(WHOLE)) {
    const text = storage.read(name);
    try {
      const conversation = validateConversation(JSON.parse(text));
      storage.write(name, null); // first: there may not be enough space for both
      saveConversation(conversation);
    } catch {
      // Damaged or foreign values are left in place and not shown.
    }
  }
}

const turnName = (id, turn) => `${TURN}${id}:${turn}`;

// Damaged or foreign values are left in place and not shown.
function headOf(text) {
  try {
    const value = JSON.parse(text);
    return {
      ...validateConversation({ ...value, nodes: {}, leaf: null }),
      leaf: String(value.leaf),
    };
  } catch {
    return null;
  }
}

function turnOf(name) {
  try {
    return validateTurn(JSON.parse(storage.read(name)));
  } catch {
    return null;
  }
}

// Turns connected to a root: another window may have removed the parent of some.
function reached(turns) {
  const after = new Map();
  for (const turn of turns) after.set(turn.parent, [...(after.get(turn.parent) ?? []), turn.id]);
  const found = new Set(after.get(null));
  for (const id of found) for (const next of after.get(id) ?? []) found.add(next);
  return turns.filter(({ id }) => found.has(id));
}

function showAsBefore(name, now, text) {
  storage.write(name, JSON.stringify({ ...JSON.parse(now), leaf: JSON.parse(text).leaf }));
}
