// Builds the request body of a chat.

import { buildRequest } from "./api_request.js";
import { bootstrap } from "./bootstrap.js";
import { toMessage } from "./chat_messages.js";
import { byId } from "./element.js";
import { selectedModel } from "./models.js";
import { requestOptions } from "./parameters.js";

export function buildChatRequest(
  messages,
  isContinuation,
  options = requestOptions("chat"),
  model = selectedModel(),
) {
  const continuation = isContinuation ? { continue_final_message: true } : {};
  return buildRequest(
    "/v1/chat/completions",
    { model, messages, ...continuation, max_tokens: bootstrap.maxTokens, ...options },
    true,
  );
}

// The same for a conversation's turns, with the system prompt from its box.
export function requestForTurns(turns) {
  const system = byId("chat-system").value;
  const opening = system.trim() ? [{ role: "system", content: system }] : [];
  return buildChatRequest([...opening, ...turns.map(toMessage)], false);
}
