// A conversation's turns as the API's messages.

// A turn is {role, content}; an answer may have `calls` ({id, name, arguments} of tools), and the
// result of one is a turn of the role "tool" with its `call`.
export function toMessage({ role, content, calls, call }) {
  if (role === "tool") return { role, tool_call_id: call.id, content };
  if (!calls?.length) return { role, content };
  const toolCalls = calls.map(({ id, name, arguments: text }) => ({
    id,
    type: "function",
    function: { name, arguments: text },
  }));
  return { role, content: content || null, tool_calls: toolCalls };
}

// Adds a chunk's `tool_calls` to the calls so far: the first piece of each has its id and name, all
// have a part of its arguments.
export function addCallDeltas(calls, deltas) {
  for (const { index, id, function: piece } of deltas) {
    calls[index] ??= { id, name: piece.name, arguments: "" };
    calls[index].arguments += piece.arguments ?? "";
  }
}
