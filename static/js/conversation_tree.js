// A conversation as a tree of turns: each new attempt is a new branch, and nothing is lost.

// crypto.randomUUID is missing on pages served over plain HTTP.
export const newId = () =>
  `n${Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("")}`;

export function newConversation() {
  const now = Date.now();
  return {
    id: newId(),
    title: "",
    created: now,
    updated: now,
    system: "",
    options: {},
    nodes: {},
    leaf: null,
  };
}

// Sorts turns by the order in which they were added; two windows may use the same number.
export const byOrder = (a, b) => a.order - b.order || (a.id < b.id ? -1 : 1);

// The turns from the root to `leaf`.
export function activePath(conversation, leaf = conversation.leaf) {
  const turns = [];
  for (let id = leaf; id !== null; id = conversation.nodes[id].parent)
    turns.unshift(conversation.nodes[id]);
  return turns;
}

// Adds a turn after `parent` (null: as a root) and makes it the leaf.
export function addTurn(conversation, parent, role, content) {
  const node = { id: newId(), parent, order: 1 + lastOrder(conversation), role, content };
  conversation.nodes[node.id] = node;
  conversation.lastOrder = node.order;
  conversation.leaf = node.id;
  conversation.updated = Date.now();
  return node;
}

// Includes turns that were removed since the page was opened: they may be restored.
function lastOrder(conversation) {
  const orders = Object.values(conversation.nodes).map(({ order }) => order);
  conversation.lastOrder = Math.max(conversation.lastOrder ?? -1, ...orders);
  return conversation.lastOrder;
}

const childrenOf = (conversation, id) =>
  Object.values(conversation.nodes)
    .filter(({ parent }) => parent === id)
    .sort(byOrder);

// The siblings of a turn and itself, oldest first.
export const branches = (conversation, node) => childrenOf(conversation, node.parent);

export const hasFollowers = (conversation, node) => childrenOf(conversation, node.id).length > 0;

// Selects the branch through `node`, down to its newest leaf.
export function showBranch(conversation, node) {
  let leaf = node;
  for (let next = node; next; next = childrenOf(conversation, leaf.id).at(-1)) leaf = next;
  conversation.leaf = leaf.id;
}

// Removes a turn and its descendants and returns them; selects its neighbour, or its parent.
export function removeTurn(conversation, node) {
  const neighbour = branches(conversation, node).findLast(({ id }) => id !== node.id);
  const removed = [node];
  lastOrder(conversation);
  for (const { id } of removed) removed.push(...childrenOf(conversation, id));
  for (const { id } of removed) delete conversation.nodes[id];
  if (neighbour) showBranch(conversation, neighbour);
  else conversation.leaf = node.parent;
  return removed;
}

// What a turn may have, and another window may have taken away.
const UNSET = {
  speed: undefined,
  usage: undefined,
  reasoning: undefined,
  reasoningSeconds: undefined,
};

// Merges the stored version of a conversation, as changed by another window. Turns are matched by
// id and their objects are kept. The path to `live` (the turn being generated here, or null) is
// kept; returns its turns that are missing in the stored version.
export function mergeStored(conversation, stored, live) {
  const { nodes } = conversation;
  const needed = new Set(live ? activePath(conversation, live.id) : []);
  for (const [id, node] of Object.entries(stored.nodes)) {
    if (node.id !== live?.id) nodes[id] = Object.assign(nodes[id] ?? {}, UNSET, node);
  }
  for (const node of Object.values(nodes)) {
    if (!stored.nodes[node.id] && !needed.has(node)) delete nodes[node.id];
  }
  const { title, updated, system, options } = stored;
  Object.assign(conversation, { title, updated, system, options });
  if (!nodes[conversation.leaf]) conversation.leaf = stored.leaf;
  if (conversation.leaf !== null && !live) showBranch(conversation, nodes[conversation.leaf]);
  return [...needed].filter(({ id }) => !stored.nodes[id]);
}

const MAX_TITLE_LENGTH = 60;

export function titleFor(conversation) {
  const first = Object.values(conversation.nodes).find(({ role }) => role === "user");
  const characters = [...(first?.content.trim().split("\n")[0] ?? "")];
  if (characters.length <= MAX_TITLE_LENGTH) return characters.join("");
  // Cuts between two words where possible.
  const shortened = characters.slice(0, MAX_TITLE_LENGTH - 1).join("");
  const wordEnd = shortened.lastIndexOf(" ");
  return `${wordEnd > MAX_TITLE_LENGTH / 2 ? shortened.slice(0, wordEnd) : shortened}\u2026`;
}
