// The chat's buttons for the conversation that is shown: its request as code, and its text as a file.
// Knows nothing about how either is written.
import { requestFor } from "./answering.js";
import { turnsRequest } from "./chat_request.js";
import { showCode } from "./code.js";
import { example, written } from "./composer.js";
import { byId } from "./element.js";
import { download, toMarkdown } from "./transfer.js";
import { path } from "./tree.js";

// `shown` gives the conversation.
export function startToolbar(shown) {
  byId("chat-code").addEventListener("click", () => showCode(pending(shown())));
  byId("chat-markdown").addEventListener("click", () => {
    download(`${shown().title || "westlake"}.md`, "text/markdown", toMarkdown(shown()));
  });
}

// What Send would send now. While the box is empty that is what was sent last; where nothing was, an
// example's words stand in for it.
function pending(conversation) {
  const turns = path(conversation);
  const last = turns.at(-1);
  if (last && !written().trim())
    return requestFor(last) ?? turnsRequest(last.role === "user" ? turns : turns.slice(0, -1));
  return turnsRequest([
    ...turns,
    { role: "user", content: written().trim() ? written() : example() },
  ]);
}
