// Shows the rendered prompt, template included, and its token count. The server renders it.

import { apiFetchJson } from "./api_client.js";
import { formatNumber, t } from "./bootstrap.js";
import { byId } from "./element.js";
import { describeError } from "./error_texts.js";

const PAUSE_MS = 250;
let timer = null;
let latest = 0;

export function startExactPrompt(prompt) {
  const later = () => {
    clearTimeout(timer);
    if (byId("exact-prompt").open) timer = setTimeout(() => refresh(prompt()), PAUSE_MS);
  };
  byId("exact-prompt").addEventListener("toggle", later);
  byId("completion").addEventListener("input", later);
}

async function refresh(fields) {
  const mine = (latest += 1);
  if (!fields.prompt) return show("", "");
  try {
    const read = await apiFetchJson("/tokenize", { body: JSON.stringify(fields), unasked: true });
    if (mine === latest)
      show(
        read.prompt,
        t("context", {
          tokens: formatNumber(read.count),
          length: formatNumber(read.max_model_len),
        }),
      );
  } catch (error) {
    if (mine === latest) show(describeError("completion", error).what, "");
  }
  return undefined;
}

function show(text, tokens) {
  byId("exact-prompt-text").textContent = text;
  byId("exact-prompt-count").textContent = tokens;
}
