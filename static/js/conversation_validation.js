// Validates untrusted conversations, from files or from storage.
const ROLES = new Set(["user", "assistant"]);
const MOST_TURNS = 5000;
const MOST_CHARACTERS = 4_000_000;

// Returns a new object with only the known fields. Throws TypeError, whose message is a translation
// key.
export function validateConversation(value) {
  want(isRecord(value) && isId(value.id) && isText(value.title, 200), "damaged_conversation");
  want(Number.isFinite(value.created) && Number.isFinite(value.updated), "damaged_times");
  want(isText(value.system, MOST_CHARACTERS) && isRecord(value.nodes), "damaged_turns");
  const nodes = Object.fromEntries(
    Object.values(value.nodes)
      .map(validateTurn)
      .map((node) => [node.id, node]),
  );
  want(Object.keys(nodes).length <= MOST_TURNS, "damaged_many");
  for (const node of Object.values(nodes)) want(endsAtRoot(nodes, node), "damaged_tree");
  const leaf = value.leaf ?? null;
  want(leaf === null || nodes[leaf] !== undefined, "damaged_last");
  const { id, title, created, updated, system } = value;
  return { id, title, created, updated, system, options: texts(value.options), nodes, leaf };
}

// The same for one turn. `index` is its order if it has none.
export function validateTurn(value, place = 0) {
  want(isRecord(value) && isId(value.id) && ROLES.has(value.role), "damaged_turn");
  want(isText(value.content, MOST_CHARACTERS), "damaged_text");
  want(value.parent === null || isId(value.parent), "damaged_place");
  const order = Number.isSafeInteger(value.order) ? value.order : place;
  const node = {
    id: value.id,
    parent: value.parent,
    order,
    role: value.role,
    content: value.content,
  };
  const speed = speedOf(value.speed);
  const usage = usageOf(value.usage);
  return { ...node, ...(speed && { speed }), ...(usage && { usage }) };
}

function usageOf(value) {
  if (!isRecord(value) || ![value.tokens, value.letters].every(Number.isSafeInteger)) return null;
  return { tokens: value.tokens, letters: value.letters };
}

function speedOf(value) {
  if (!isRecord(value)) return null;
  const { tokens, exact, perSecond, first, finish } = value;
  const number = (each) => each === null || Number.isFinite(each);
  const known = finish === null || ["stop", "length", "context", "stopped"].includes(finish);
  if (!Number.isFinite(tokens) || !number(perSecond) || !number(first) || !known) return null;
  return { tokens, exact: exact === true, perSecond, first, finish };
}

function texts(value) {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).filter(([, text]) => isText(text, 2000)));
}

function endsAtRoot(nodes, node) {
  let steps = 0;
  for (let id = node.parent; id !== null; id = nodes[id].parent) {
    if (nodes[id] === undefined || (steps += 1) > MOST_TURNS) return false;
  }
  return true;
}

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value) => typeof value === "string" && /^[\w-]{1,40}$/.test(value);
const isText = (value, most) => typeof value === "string" && value.length <= most;

function want(good, what) {
  if (!good) throw new TypeError(what);
}
