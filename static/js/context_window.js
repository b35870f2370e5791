// Truncates a conversation to the model's context: the oldest turns are dropped.
import { apiFetchJson } from "./api_client.js";

// Tokens reserved for the answer if max_tokens is not set.
const MIN_ANSWER_TOKENS = 256;

// Upper bounds of the template's own tokens, in total and per message.
const MAX_TEMPLATE_TOKENS = 512;
const MAX_MESSAGE_TOKENS = 64;

// Returns {messages, truncated: number of dropped turns, count, length}. `turns` begin with the
// oldest; the last is never dropped: the server reports when it alone is too long. The server is
// not asked, and count is null, if everything is certain to fit into `length` tokens.
export async function fitToContext(
  system,
  turns,
  { model, length, maxTokens, tools, isContinuation, signal },
) {
  const systemMessages = system.trim() ? [{ role: "system", content: system }] : [];
  const all = [...systemMessages, ...turns];
  if (length && maxTokensOf(all, tools) + answerTokens(length, maxTokens) <= length)
    return { messages: all, truncated: 0, count: null, length };
  let keptTurns = turns;
  for (;;) {
    const messages = [...systemMessages, ...keptTurns];
    const fields = {
      model,
      messages,
      ...(isContinuation ? { continue_final_message: true } : {}),
      ...(tools ? { tools } : {}),
      count_only: true,
    };
    const reply = await apiFetchJson("/tokenize", { body: JSON.stringify(fields), signal });
    const excess = reply.count + answerTokens(reply.max_model_len, maxTokens) - reply.max_model_len;
    const shorter =
      excess > 0 ? withoutOldest(keptTurns, excess / reply.count, isContinuation) : keptTurns;
    if (shorter === keptTurns) {
      return {
        messages,
        truncated: turns.length - keptTurns.length,
        count: reply.count,
        length: reply.max_model_len,
      };
    }
    keptTurns = shorter;
  }
}

const answerTokens = (length, maxTokens) =>
  Number.isInteger(maxTokens) ? maxTokens : Math.min(MIN_ANSWER_TOKENS, Math.floor(length / 4));

// An upper bound of the messages' tokens: each token has at least one byte.
function maxTokensOf(messages, tools) {
  const texts = messages.map((message) =>
    message.tool_calls ? JSON.stringify(message) : message.content,
  );
  if (tools) texts.push(JSON.stringify(tools, null, 4));
  const bytes = new TextEncoder().encode(texts.join("")).length;
  return MAX_TEMPLATE_TOKENS + MAX_MESSAGE_TOKENS * messages.length + bytes;
}

// Drops about `ratio` of the text, at least one turn, up to the next user turn.
function withoutOldest(turns, ratio, isContinuation) {
  const minTurns = isContinuation ? 2 : 1;
  const size = (turn) => JSON.stringify(turn).length;
  const total = turns.reduce((sum, turn) => sum + size(turn), 0);
  let dropped = 0;
  let droppedSize = 0;
  while (
    turns.length - dropped > minTurns &&
    (droppedSize < ratio * total || turns[dropped].role !== "user")
  ) {
    droppedSize += size(turns[dropped]);
    dropped += 1;
  }
  return dropped ? turns.slice(dropped) : turns;
}
