// The request a chat sends, as an object and as the JSON text that goes out.
// Knows nothing about trees or streams.

import { buildRequest } from "./api_request.js";
import { bootstrap } from "./bootstrap.js";
import { byId } from "./element.js";
import { selectedModel } from "./models.js";
import { requestOptions } from "./parameters.js";

export function buildChatRequest(
  messages,
  continued,
  own = requestOptions("chat"),
  model = selectedModel(),
) {
  const going = continued ? { continue_final_message: true } : {};
  return buildRequest(
    "/v1/chat/completions",
    { model, messages, ...going, max_tokens: bootstrap.maxTokens, ...own },
    true,
  );
}

// The same for turns as a conversation has them, under the system prompt in its box.
export function requestForTurns(turns) {
  const system = byId("chat-system").value;
  const opening = system.trim() ? [{ role: "system", content: system }] : [];
  return buildChatRequest(
    [...opening, ...turns.map(({ role, content }) => ({ role, content }))],
    false,
  );
}
