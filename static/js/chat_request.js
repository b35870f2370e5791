// The request a chat sends, as an object and as the JSON text that goes out.
// Knows nothing about trees or streams.
import { byId } from "./element.js";
import { given } from "./given.js";
import { chosenModel } from "./models.js";
import { options } from "./parameters.js";
import { request } from "./request.js";

export function chatRequest(messages, continued, own = options("chat"), model = chosenModel()) {
  const going = continued ? { continue_final_message: true } : {};
  return request(
    "/v1/chat/completions",
    { model, messages, ...going, max_tokens: given.maxTokens, ...own },
    true,
  );
}

// The same for turns as a conversation has them, under the system prompt in its box.
export function turnsRequest(turns) {
  const system = byId("chat-system").value;
  const opening = system.trim() ? [{ role: "system", content: system }] : [];
  return chatRequest([...opening, ...turns.map(({ role, content }) => ({ role, content }))], false);
}
