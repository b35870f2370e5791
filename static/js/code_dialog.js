// The dialog that shows a request as JSON and as code in several languages (snippets.js).

import { baseUrl } from "./api_client.js";
import { apiKey } from "./api_key.js";
import { copy } from "./clipboard.js";
import { byId } from "./element.js";
import { SNIPPETS } from "./snippets.js";

const HIGHLIGHT_LANGUAGES = {
  json: "json",
  curl: "bash",
  powershell: "powershell",
  openai: "python",
  requests: "python",
  javascript: "javascript",
};

let shown = null;
let language = "curl";

export function startCodeDialog() {
  byId("code").addEventListener("click", ({ target }) => {
    if (target.dataset.code) draw(target.dataset.code);
  });
  byId("code-copy").addEventListener("click", ({ currentTarget }) => {
    copy(byId("code-text").textContent, currentTarget);
  });
}

export function openCodeDialog(request) {
  shown = request;
  draw(language);
  byId("code").showModal();
}

function draw(name) {
  language = name;
  for (const button of byId("code").querySelectorAll("[data-code]")) {
    button.setAttribute("aria-pressed", button.dataset.code === name);
  }
  const text = SNIPPETS[name](shown, baseUrl(), apiKey() !== "");
  byId("code-text").textContent = text;
  import("./highlight.js").then(({ highlight }) => {
    if (byId("code-text").textContent === text)
      highlight(byId("code-text"), HIGHLIGHT_LANGUAGES[name]);
  });
}
