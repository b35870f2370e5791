// The actions of a turn's buttons. `current` returns the current conversation.

import { t } from "./bootstrap.js";
import { requestForTurns } from "./chat_request.js";
import { openCodeDialog } from "./code_dialog.js";
import { focusComposer } from "./composer.js";
import { deleteTurns, saveHead, saveTurn, undoable } from "./conversation_store.js";
import { activePath, addTurn, removeTurn, showBranch } from "./conversation_tree.js";
import { runningAnswer, sentRequest } from "./running_answers.js";
import { continueAnswer, regenerate, submitResults } from "./submit.js";
import { focusTurn } from "./thread.js";
import { offerUndo } from "./undo.js";

// `onRestore` is called with the id of a conversation after an undo.
export function turnActions({ current, draw, onRestore }) {
  const removeWithUndo = (node) => {
    const conversation = current();
    const byKeyboard = document.activeElement.matches(":focus-visible");
    let removed = [];
    const undo = undoable(() => {
      removed = removeTurn(conversation, node);
      if (conversation.leaf === null) conversation.title = ""; // the next first message sets it
      deleteTurns(conversation, removed);
      saveHead(conversation);
    });
    draw();
    if (!byKeyboard) focusComposer();
    const undoRemoval = () => {
      undo();
      onRestore(conversation.id);
    };
    offerUndo(
      t(removed.length > 1 ? "turns_removed" : "turn_removed", { count: removed.length }),
      undoRemoval,
      byKeyboard,
    );
  };
  return {
    regenerate: (node) =>
      regenerate(current(), node.role === "assistant" ? current().nodes[node.parent] : node),
    sendResults: (node, results) => submitResults(current(), node, results),
    continueAnswer: (node) => continueAnswer(current(), node),
    show: (node, action) => {
      showBranch(current(), node);
      saveHead(current());
      draw();
      focusTurn(node.id, action);
    },
    save: (node, content) => saveEdit(current(), node, content, draw),
    saveAndSend: (node, content) =>
      regenerate(current(), addTurn(current(), node.parent, "user", content)),
    saveAndContinue: (node, content) => {
      saveTurn(current(), Object.assign(node, { content }));
      return continueAnswer(current(), node);
    },
    isBusy: () => runningAnswer(current().id) !== null,
    remove: removeWithUndo,
    code: (node) => openCodeDialog(sentRequest(node) ?? rebuildRequest(current(), node)),
  };
}

// Opens the user's last message in the editor.
export function editLast(conversation) {
  const last = activePath(conversation).findLast(({ role }) => role === "user");
  if (last && !runningAnswer(conversation.id)) focusTurn(last.id, "edit", true);
}

function saveEdit(conversation, node, content, draw) {
  conversation.updated = Date.now();
  saveTurn(conversation, Object.assign(node, { content }));
  saveHead(conversation);
  draw();
  focusTurn(node.id, "edit");
}

// The request for this turn, rebuilt if the original is no longer known.
function rebuildRequest(conversation, node) {
  const turns = activePath(conversation);
  return requestForTurns(turns.slice(0, turns.indexOf(node)));
}
