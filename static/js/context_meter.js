// Shows how much of the model's context the conversation and the draft fill.

import { formatNumber, t } from "./bootstrap.js";
import { byId, element } from "./element.js";
import { contextLength } from "./models.js";
import { estimateTokens } from "./token_estimate.js";

// Short drafts in a new chat show no meter.
const LEAST = 100;

let told = { tokens: null, about: false, length: null };

// `tokens` is null in an empty chat; `isEstimate`: partly estimated.
export function showMeter(tokens, about = false, length = contextLength()) {
  told = { tokens, about, length };
  draw();
}

byId("chat-message").addEventListener("input", draw);
addEventListener("westlake:model", draw);

function draw() {
  const place = byId("chat-meter");
  const more = estimateTokens(byId("chat-message").value);
  const length = told.length ?? contextLength();
  place.replaceChildren();
  if (!length || (told.tokens === null && more < LEAST)) return;
  const tokens = (told.tokens ?? 0) + more;
  const text =
    (more || told.about ? "~" : "") +
    t("context", { tokens: formatNumber(tokens), length: formatNumber(length) });
  const bar = element("meter", {
    min: 0,
    max: length,
    value: Math.min(tokens, length),
    "aria-label": text,
  });
  place.classList.toggle("over", tokens > length);
  place.append(bar, element("span", {}, text));
}
