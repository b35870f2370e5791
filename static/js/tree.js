// A conversation as a tree of turns, so that nothing said is lost: a new try is a new branch.
// Knows nothing about pages, storage or the server.

// No crypto.randomUUID: it is missing on pages served over plain HTTP.
const newId = () => `n${Array.from(crypto.getRandomValues(new Uint32Array(2)), (n) => n.toString(36)).join("")}`;

export function newConversation() {
  const now = Date.now();
  return { id: newId(), title: "", created: now, updated: now, system: "", options: {}, nodes: {}, leaf: null };
}

// From the first turn to the one that is shown last.
export function path(conversation) {
  const turns = [];
  for (let id = conversation.leaf; id !== null; id = conversation.nodes[id].parent) {
    turns.unshift(conversation.nodes[id]);
  }
  return turns;
}

// A new turn after `parent` (null: the first), which becomes the last one shown.
export function add(conversation, parent, role, content) {
  const node = { id: newId(), parent, role, content };
  conversation.nodes[node.id] = node;
  conversation.leaf = node.id;
  conversation.updated = Date.now();
  return node;
}

// The turns that follow the same turn, oldest first: a turn's branches.
export function branches(conversation, node) {
  return Object.values(conversation.nodes).filter(({ parent }) => parent === node.parent);
}

// Shows another branch, down to its end; of several ends the newest.
export function show(conversation, node) {
  let last = node;
  for (;;) {
    const next = Object.values(conversation.nodes).filter(({ parent }) => parent === last.id).at(-1);
    if (!next) break;
    last = next;
  }
  conversation.leaf = last.id;
}

// Takes a turn away with all that follows it; its neighbour is shown, or the turn before.
export function remove(conversation, node) {
  const neighbour = branches(conversation, node).findLast(({ id }) => id !== node.id);
  const gone = [node.id];
  for (const id of gone) {
    gone.push(...Object.values(conversation.nodes).filter(({ parent }) => parent === id).map((n) => n.id));
  }
  for (const id of gone) delete conversation.nodes[id];
  if (neighbour) show(conversation, neighbour);
  else conversation.leaf = node.parent;
  conversation.updated = Date.now();
}

export function titleOf(conversation) {
  const first = Object.values(conversation.nodes).find(({ role }) => role === "user");
  return [...(first?.content.trim().split("\n")[0] ?? "")].slice(0, 60).join("");
}
