// Shows the rendered prompt, template included, and its token count. The server renders it.

import { apiFetchJson } from "./api_client.js";
import { formatNumber, t } from "./bootstrap.js";
import { byId } from "./element.js";
import { describeError } from "./error_texts.js";

const PAUSE_MS = 250;
let timer = null;
let lastRequest = 0;

export function startExactPrompt(prompt) {
  const schedule = () => {
    clearTimeout(timer);
    if (byId("exact-prompt").open) timer = setTimeout(() => refresh(prompt()), PAUSE_MS);
  };
  byId("exact-prompt").addEventListener("toggle", schedule);
  byId("completion").addEventListener("input", schedule);
}

async function refresh(fields) {
  const requestNumber = (lastRequest += 1);
  if (!fields.prompt) return show("", "");
  try {
    const reply = await apiFetchJson("/tokenize", {
      body: JSON.stringify(fields),
      background: true,
    });
    if (requestNumber === lastRequest)
      show(
        reply.prompt,
        t("context", {
          tokens: formatNumber(reply.count),
          length: formatNumber(reply.max_model_len),
        }),
      );
  } catch (error) {
    if (requestNumber === lastRequest) show(describeError("completion", error).what, "");
  }
  return undefined;
}

function show(text, tokenCount) {
  byId("exact-prompt-text").textContent = text;
  byId("exact-prompt-count").textContent = tokenCount;
}
