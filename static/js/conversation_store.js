// Saves conversations in localStorage. Each turn has its own key, so two windows can add to one
// conversation without overwriting each other's turns. Everything read is validated.

import { byOrder } from "./conversation_tree.js";
import { validateConversation, validateTurn } from "./conversation_validation.js";
import * as storage from "./storage.js";

const PREFIX = "westlake:v2:";
const HEAD = `${PREFIX}chat:`; // a conversation without its turns
const TURN = `${PREFIX}turn:`; // a turn, after its conversation's id
const V1_CHAT = "westlake:v1:chat:"; // the format of version 0.2: one key per conversation

let cachedHeads = null; // all heads, newest first

// All conversations without their turns, newest first.
export function conversationHeads() {
  cachedHeads ??= storage
    .keys(HEAD)
    .map((key) => headOf(storage.read(key)))
    .filter(Boolean)
    .sort((a, b) => b.updated - a.updated);
  return cachedHeads;
}

export const isSaved = (id) => storage.read(HEAD + id) !== null;

// A conversation with its turns, in order; null if there is none.
export function loadConversation(id) {
  const head = headOf(storage.read(HEAD + id));
  if (!head) return null;
  const turns = connected(storage.keys(turnKey(id, "")).map(turnOf).filter(Boolean).sort(byOrder));
  const leaf = turns.some((turn) => turn.id === head.leaf) ? head.leaf : (turns.at(-1)?.id ?? null);
  return { ...head, nodes: Object.fromEntries(turns.map((turn) => [turn.id, turn])), leaf };
}

export const loadAllConversations = () =>
  conversationHeads()
    .map(({ id }) => loadConversation(id))
    .filter(Boolean);

export function saveHead({ id, title, created, updated, system, options, leaf }) {
  cachedHeads = null;
  storage.write(HEAD + id, JSON.stringify({ id, title, created, updated, system, options, leaf }));
}

export function saveTurn({ id }, node) {
  storage.write(turnKey(id, node.id), JSON.stringify(node));
}

export function saveConversation(conversation) {
  for (const node of Object.values(conversation.nodes)) saveTurn(conversation, node);
  saveHead(conversation);
}

export function deleteTurns({ id }, nodes) {
  for (const node of nodes) storage.write(turnKey(id, node.id), null);
}

export function deleteConversation(id) {
  cachedHeads = null;
  for (const key of [...storage.keys(turnKey(id, "")), HEAD + id]) storage.write(key, null);
}

// Runs `change` and returns a function that undoes it turn by turn. Turns written after the change
// stay; a conversation that was deleted after it is listed again.
export function undoable(change) {
  const before = storage.recordChanges(change);
  const after = new Map(before.map(([key]) => [key, storage.read(key)]));
  return () => {
    cachedHeads = null;
    for (const [key, text] of before) {
      const now = storage.read(key);
      const head = key.startsWith(HEAD);
      if (now === after.get(key) || (head && now === null)) storage.write(key, text);
      else if (head && text) restoreLeaf(key, now, text);
    }
  };
}

// Calls `listener` with the ids of conversations that other windows have changed.
export function onStoreChange(listener) {
  storage.onChange(PREFIX, (keys) => {
    const ids = keys?.map((key) => key.split(":")[3]) ?? conversationHeads().map(({ id }) => id);
    cachedHeads = null;
    listener(new Set(ids));
  });
}

// Converts conversations saved by version 0.2.
export function migrateV1() {
  for (const key of storage.keys(V1_CHAT)) {
    const text = storage.read(key);
    try {
      const conversation = validateConversation(JSON.parse(text));
      storage.write(key, null); // first: there may not be enough space for both
      saveConversation(conversation);
    } catch {
      // Damaged or foreign values are left in place and not shown.
    }
  }
}

const turnKey = (id, turn) => `${TURN}${id}:${turn}`;

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

function turnOf(key) {
  try {
    return validateTurn(JSON.parse(storage.read(key)));
  } catch {
    return null;
  }
}

// Turns connected to a root: another window may have removed the parent of some.
function connected(turns) {
  const children = new Map();
  for (const turn of turns)
    children.set(turn.parent, [...(children.get(turn.parent) ?? []), turn.id]);
  const reachable = new Set(children.get(null));
  for (const id of reachable) for (const child of children.get(id) ?? []) reachable.add(child);
  return turns.filter(({ id }) => reachable.has(id));
}

function restoreLeaf(key, now, text) {
  storage.write(key, JSON.stringify({ ...JSON.parse(now), leaf: JSON.parse(text).leaf }));
}
