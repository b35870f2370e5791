// Makes a conversation fit the model's context: the oldest turns are left out, in sight.
// Knows nothing about how the page shows that.
import { apiFetchJson } from "./api_client.js";

// What an answer should have at least, when nobody said how long it may be.
const LEAST_ROOM = 256;

// The most tokens that a template may be expected to write by itself, and around each message.
const TEMPLATE = 512;
const AROUND = 64;

// {messages: those to send, truncated: how many turns were left out, count, length}. `turns` begin
// with the oldest; the last one is never left out: the server says when it alone is too long.
// Where all is certain to fit into `length` tokens the server is not asked, and count is null.
export async function fitToContext(system, turns, { model, length, maxTokens, continued, signal }) {
  const opening = system.trim() ? [{ role: "system", content: system }] : [];
  const all = [...opening, ...turns];
  if (length && most(all) + answerTokens(length, maxTokens) <= length)
    return { messages: all, truncated: 0, count: null, length };
  let kept = turns;
  for (;;) {
    const messages = [...opening, ...kept];
    const question = {
      model,
      messages,
      ...(continued ? { continue_final_message: true } : {}),
      count_only: true,
    };
    const read = await apiFetchJson("/tokenize", { body: JSON.stringify(question), signal });
    const excess = read.count + answerTokens(read.max_model_len, maxTokens) - read.max_model_len;
    const shorter = excess > 0 ? withoutOldest(kept, excess / read.count, continued) : kept;
    if (shorter === kept) {
      return {
        messages,
        truncated: turns.length - kept.length,
        count: read.count,
        length: read.max_model_len,
      };
    }
    kept = shorter;
  }
}

const answerTokens = (length, maxTokens) =>
  Number.isInteger(maxTokens) ? maxTokens : Math.min(LEAST_ROOM, Math.floor(length / 4));

// More tokens than these messages can be: a text has at least a byte for each of its own.
function most(messages) {
  const bytes = new TextEncoder().encode(messages.map(({ content }) => content).join("")).length;
  return TEMPLATE + AROUND * messages.length + bytes;
}

// Leaves out about `share` of the text, at least one turn, up to a turn of the person's.
function withoutOldest(turns, share, continued) {
  const least = continued ? 2 : 1;
  const size = (turn) => turn.content.length + 16;
  const total = turns.reduce((sum, turn) => sum + size(turn), 0);
  let cut = 0;
  let gone = 0;
  while (turns.length - cut > least && (gone < share * total || turns[cut].role !== "user")) {
    gone += size(turns[cut]);
    cut += 1;
  }
  return cut ? turns.slice(cut) : turns;
}
