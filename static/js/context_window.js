// Truncates a conversation to the model's context: the oldest turns are dropped.
import { apiFetchJson } from "./api_client.js";

// Tokens reserved for the answer if max_tokens is not set.
const LEAST_ROOM = 256;

// Upper bounds of the template's own tokens, in total and per message.
const TEMPLATE = 512;
const AROUND = 64;

// Returns {messages, truncated: number of dropped turns, count, length}. `turns` begin with the
// oldest; the last is never dropped: the server reports when it alone is too long. The server is
// not asked, and count is null, if everything is certain to fit into `length` tokens.
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

// An upper bound of the messages' tokens: each token has at least one byte.
function most(messages) {
  const bytes = new TextEncoder().encode(messages.map(({ content }) => content).join("")).length;
  return TEMPLATE + AROUND * messages.length + bytes;
}

// Drops about `share` of the text, at least one turn, up to the next user turn.
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
