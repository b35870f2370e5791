// Validates untrusted conversations, from files or from storage.
const ROLES = new Set(["user", "assistant", "tool"]);
const MAX_TURNS = 5000;
const MAX_CHARACTERS = 4_000_000;
const MAX_OPTION_CHARACTERS = 100_000; // a JSON schema

// Returns a new object with only the known fields. Throws TypeError, whose message is a translation
// key.
export function validateConversation(value) {
  check(isRecord(value) && isId(value.id) && isText(value.title, 200), "damaged_conversation");
  check(Number.isFinite(value.created) && Number.isFinite(value.updated), "damaged_times");
  check(isText(value.system, MAX_CHARACTERS) && isRecord(value.nodes), "damaged_turns");
  const nodes = Object.fromEntries(
    Object.values(value.nodes)
      .map(validateTurn)
      .map((node) => [node.id, node]),
  );
  check(Object.keys(nodes).length <= MAX_TURNS, "damaged_many");
  for (const node of Object.values(nodes)) check(endsAtRoot(nodes, node), "damaged_tree");
  const leaf = value.leaf ?? null;
  check(leaf === null || nodes[leaf] !== undefined, "damaged_last");
  const { id, title, created, updated, system } = value;
  return { id, title, created, updated, system, options: validOptions(value.options), nodes, leaf };
}

// The same for one turn. `index` is its order if it has none.
export function validateTurn(value, index = 0) {
  check(isRecord(value) && isId(value.id) && ROLES.has(value.role), "damaged_turn");
  check(isText(value.content, MAX_CHARACTERS), "damaged_text");
  check(value.parent === null || isId(value.parent), "damaged_place");
  const order = Number.isSafeInteger(value.order) ? value.order : index;
  const node = {
    id: value.id,
    parent: value.parent,
    order,
    role: value.role,
    content: value.content,
  };
  const speed = validSpeed(value.speed);
  const usage = validUsage(value.usage);
  const thinking = validThinking(value);
  const calls = Array.isArray(value.calls) ? value.calls.map(validCall) : null;
  const call = value.role === "tool" ? validCall(value.call) : null;
  return {
    ...node,
    ...thinking,
    ...(speed && { speed }),
    ...(usage && { usage }),
    ...(calls && { calls }),
    ...(call && { call }),
  };
}

function validThinking({ reasoning, reasoningSeconds }) {
  if (!isText(reasoning, MAX_CHARACTERS)) return {};
  return {
    reasoning,
    reasoningSeconds: Number.isFinite(reasoningSeconds) ? reasoningSeconds : null,
  };
}

// A tool call: of an answer, or the one that a result belongs to.
function validCall(value) {
  const isCall = isRecord(value) && isText(value.id, 200) && isText(value.name, 200);
  check(isCall && isText(value.arguments, MAX_CHARACTERS), "damaged_turn");
  return { id: value.id, name: value.name, arguments: value.arguments };
}

function validUsage(value) {
  if (!isRecord(value) || ![value.tokens, value.letters].every(Number.isSafeInteger)) return null;
  return { tokens: value.tokens, letters: value.letters };
}

function validSpeed(value) {
  if (!isRecord(value)) return null;
  const { tokens, exact, perSecond, first, finish } = value;
  const isNumberOrNull = (each) => each === null || Number.isFinite(each);
  const isKnown =
    finish === null || ["stop", "length", "context", "stopped", "tool_calls"].includes(finish);
  if (!Number.isFinite(tokens) || !isNumberOrNull(perSecond) || !isNumberOrNull(first) || !isKnown)
    return null;
  return { tokens, exact: exact === true, perSecond, first, finish };
}

function validOptions(value) {
  if (!isRecord(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter(([, text]) => isText(text, MAX_OPTION_CHARACTERS)),
  );
}

function endsAtRoot(nodes, node) {
  let steps = 0;
  for (let id = node.parent; id !== null; id = nodes[id].parent) {
    if (nodes[id] === undefined || (steps += 1) > MAX_TURNS) return false;
  }
  return true;
}

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isId = (value) => typeof value === "string" && /^[\w-]{1,40}$/.test(value);
const isText = (value, maxLength) => typeof value === "string" && value.length <= maxLength;

function check(isValid, textKey) {
  if (!isValid) throw new TypeError(textKey);
}
