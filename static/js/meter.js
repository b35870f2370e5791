// Shows how much of the model's context the conversation fills.
// Knows nothing about how it is counted.
import { byId, element } from "./element.js";
import { count, say } from "./given.js";
import { contextLength } from "./models.js";

export function meter(tokens, length = contextLength()) {
  const place = byId("chat-meter");
  place.replaceChildren();
  if (tokens === null || !length) return;
  const text = say("context", { tokens: count(tokens), length: count(length) });
  const bar = element("meter", { min: 0, max: length, value: Math.min(tokens, length), "aria-label": text });
  place.append(bar, element("span", {}, text));
}
