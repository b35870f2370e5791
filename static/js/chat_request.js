// The request a chat sends, as an object and as the JSON text that goes out.
// Knows nothing about conversations or pages.
import { chosenModel } from "./models.js";
import { options } from "./parameters.js";
import { request } from "./request.js";

export function chatRequest(messages, continued) {
  const going = continued ? { continue_final_message: true } : {};
  return request("/v1/chat/completions", { model: chosenModel(), messages, ...going, ...options("chat") }, true);
}
