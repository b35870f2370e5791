// The chat's toolbar: shows the request as code and exports the conversation as Markdown.

import { requestForTurns } from "./chat_request.js";
import { openCodeDialog } from "./code_dialog.js";
import { composerText, exampleText } from "./composer.js";
import { download, toMarkdown } from "./conversation_files.js";
import { activePath } from "./conversation_tree.js";
import { byId } from "./element.js";
import { sentRequest } from "./running_answers.js";

// `current` returns the current conversation.
export function startToolbar(current) {
  byId("chat-code").addEventListener("click", () => openCodeDialog(pendingRequest(current())));
  byId("chat-markdown").addEventListener("click", () => {
    download(`${current().title || "westlake"}.md`, "text/markdown", toMarkdown(current()));
  });
}

// The request that Send would make. With an empty composer: the last request, or an example's text.
function pendingRequest(conversation) {
  const turns = activePath(conversation);
  const last = turns.at(-1);
  if (last && !composerText().trim())
    return sentRequest(last) ?? requestForTurns(last.role === "user" ? turns : turns.slice(0, -1));
  return requestForTurns([
    ...turns,
    { role: "user", content: composerText().trim() ? composerText() : exampleText() },
  ]);
}
