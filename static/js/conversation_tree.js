// A conversation as a tree of turns, so that nothing said is lost: a new try is a new branch.
// Knows nothing about pages, storage or the server.

// No crypto.randomUUID: it is missing on pages served over plain HTTP.
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

// The order in which turns were added; two windows may have added one each at the same moment.
export const byOrder = (a, b) => a.order - b.order || (a.id < b.id ? -1 : 1);

// From the first turn to the one that is shown last.
export function activePath(conversation, leaf = conversation.leaf) {
  const turns = [];
  for (let id = leaf; id !== null; id = conversation.nodes[id].parent)
    turns.unshift(conversation.nodes[id]);
  return turns;
}

// A new turn after `parent` (null: the first), which becomes the last one shown.
export function addTurn(conversation, parent, role, content) {
  const node = { id: newId(), parent, order: 1 + lastOrder(conversation), role, content };
  conversation.nodes[node.id] = node;
  conversation.lastOrder = node.order;
  conversation.leaf = node.id;
  conversation.updated = Date.now();
  return node;
}

// Also that of a turn which was removed since this page was opened: it may come back.
function lastOrder(conversation) {
  const orders = Object.values(conversation.nodes).map(({ order }) => order);
  conversation.lastOrder = Math.max(conversation.lastOrder ?? -1, ...orders);
  return conversation.lastOrder;
}

const after = (conversation, id) =>
  Object.values(conversation.nodes)
    .filter(({ parent }) => parent === id)
    .sort(byOrder);

// The turns that follow the same turn, oldest first: a turn's branches.
export const branches = (conversation, node) => after(conversation, node.parent);

export const hasFollowers = (conversation, node) => after(conversation, node.id).length > 0;

// Shows another branch, down to its end; of several ends the newest.
export function showBranch(conversation, node) {
  let last = node;
  for (let next = node; next; next = after(conversation, last.id).at(-1)) last = next;
  conversation.leaf = last.id;
}

// Takes a turn away with all that follows it, and returns them; its neighbour is shown, or the
// turn before.
export function removeTurn(conversation, node) {
  const neighbour = branches(conversation, node).findLast(({ id }) => id !== node.id);
  const gone = [node];
  lastOrder(conversation);
  for (const { id } of gone) gone.push(...after(conversation, id));
  for (const { id } of gone) delete conversation.nodes[id];
  if (neighbour) showBranch(conversation, neighbour);
  else conversation.leaf = node.parent;
  return gone;
}

// Takes over what another window has made of the same conversation. Turns are known by their ids,
// and objects of turns stay the same. What `live` (being written here, or null) needs stays as it is
// here; returned are those of its turns that the other window has taken away.
export function mergeStored(conversation, stored, live) {
  const { nodes } = conversation;
  const needed = new Set(live ? activePath(conversation, live.id) : []);
  for (const [id, node] of Object.entries(stored.nodes)) {
    if (node.id !== live?.id)
      nodes[id] = Object.assign(nodes[id] ?? {}, { speed: undefined, usage: undefined }, node);
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

const MOST_LETTERS = 60;

export function titleFor(conversation) {
  const first = Object.values(conversation.nodes).find(({ role }) => role === "user");
  const letters = [...(first?.content.trim().split("\n")[0] ?? "")];
  if (letters.length <= MOST_LETTERS) return letters.join("");
  // Between two words, where there are words.
  const cut = letters.slice(0, MOST_LETTERS - 1).join("");
  const words = cut.lastIndexOf(" ");
  return `${words > MOST_LETTERS / 2 ? cut.slice(0, words) : cut}\u2026`;
}
