// The chat's buttons for the conversation that is shown: its request as code, and its text as a file.
// Knows nothing about how either is written.

import { requestForTurns } from "./chat_request.js";
import { openCodeDialog } from "./code_dialog.js";
import { composerText, exampleText } from "./composer.js";
import { download, toMarkdown } from "./conversation_files.js";
import { activePath } from "./conversation_tree.js";
import { byId } from "./element.js";
import { sentRequest } from "./running_answers.js";

// `shown` gives the conversation.
export function startToolbar(shown) {
  byId("chat-code").addEventListener("click", () => openCodeDialog(pending(shown())));
  byId("chat-markdown").addEventListener("click", () => {
    download(`${shown().title || "westlake"}.md`, "text/markdown", toMarkdown(shown()));
  });
}

// What Send would send now. While the box is empty that is what was sent last; where nothing was, an
// example's words stand in for it.
function pending(conversation) {
  const turns = activePath(conversation);
  const last = turns.at(-1);
  if (last && !composerText().trim())
    return sentRequest(last) ?? requestForTurns(last.role === "user" ? turns : turns.slice(0, -1));
  return requestForTurns([
    ...turns,
    { role: "user", content: composerText().trim() ? composerText() : exampleText() },
  ]);
}
