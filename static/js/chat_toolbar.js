// The chat's buttons for the conversation that is shown: its request as code, and its text as a file.
// Knows nothing about how either is written.
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

// What Send would send now; an example's words stand in for an empty box.
function pending(conversation) {
  return turnsRequest([...path(conversation), { role: "user", content: written().trim() ? written() : example() }]);
}
