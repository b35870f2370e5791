// Shows how much of the model's context the conversation and the draft fill.

import { formatNumber, t } from "./bootstrap.js";
import { byId, element } from "./element.js";
import { contextLength } from "./models.js";
import { estimateTokens } from "./token_estimate.js";

// Short drafts in a new chat show no meter.
const MIN_DRAFT_TOKENS = 100;

let usage = { tokens: null, isEstimate: false, length: null };

// `tokens` is null in an empty chat; `isEstimate`: partly estimated.
export function showMeter(tokens, isEstimate = false, length = contextLength()) {
  usage = { tokens, isEstimate, length };
  draw();
}

byId("chat-message").addEventListener("input", draw);
addEventListener("westlake:model", draw);

function draw() {
  const container = byId("chat-meter");
  const draftTokens = estimateTokens(byId("chat-message").value);
  const length = usage.length ?? contextLength();
  container.replaceChildren();
  if (!length || (usage.tokens === null && draftTokens < MIN_DRAFT_TOKENS)) return;
  const tokens = (usage.tokens ?? 0) + draftTokens;
  const text =
    (draftTokens || usage.isEstimate ? "~" : "") +
    t("context", { tokens: formatNumber(tokens), length: formatNumber(length) });
  const bar = element("meter", {
    min: 0,
    max: length,
    value: Math.min(tokens, length),
    "aria-label": text,
  });
  container.classList.toggle("over", tokens > length);
  container.append(bar, element("span", {}, text));
}
