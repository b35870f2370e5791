// The actions of a turn's buttons. `current` returns the current conversation.

import { t } from "./bootstrap.js";
import { requestForTurns } from "./chat_request.js";
import { openCodeDialog } from "./code_dialog.js";
import { focusComposer } from "./composer.js";
import { deleteTurns, saveHead, saveTurn, undoable } from "./conversation_store.js";
import { activePath, addTurn, removeTurn, showBranch } from "./conversation_tree.js";
import { runningAnswer, sentRequest } from "./running_answers.js";
import { continueAnswer, regenerate } from "./submit.js";
import { focusTurn } from "./thread.js";
import { offerUndo } from "./undo.js";

// `onRestore` is called with the id of a conversation after an undo.
export function turnActions({ shown, draw, restored }) {
  const drop = (node) => {
    const conversation = shown();
    const byKeyboard = document.activeElement.matches(":focus-visible");
    let gone = [];
    const undo = undoable(() => {
      gone = removeTurn(conversation, node);
      if (conversation.leaf === null) conversation.title = ""; // the next first message sets it
      deleteTurns(conversation, gone);
      saveHead(conversation);
    });
    draw();
    if (!byKeyboard) focusComposer();
    const takeBack = () => {
      undo();
      restored(conversation.id);
    };
    offerUndo(
      t(gone.length > 1 ? "turns_removed" : "turn_removed", { count: gone.length }),
      takeBack,
      byKeyboard,
    );
  };
  return {
    again: (node) => regenerate(shown(), node.role === "user" ? node : shown().nodes[node.parent]),
    goOn: (node) => continueAnswer(shown(), node),
    show: (node, action) => {
      showBranch(shown(), node);
      saveHead(shown());
      draw();
      focusTurn(node.id, action);
    },
    save: (node, content) => rewrite(shown(), node, content, draw),
    saveAndSend: (node, content) =>
      regenerate(shown(), addTurn(shown(), node.parent, "user", content)),
    saveAndGoOn: (node, content) => {
      saveTurn(shown(), Object.assign(node, { content }));
      return continueAnswer(shown(), node);
    },
    busy: () => runningAnswer(shown().id) !== null,
    remove: drop,
    code: (node) => openCodeDialog(sentRequest(node) ?? wouldBeSent(shown(), node)),
  };
}

// Opens the user's last message in the editor.
export function editLast(conversation) {
  const last = activePath(conversation).findLast(({ role }) => role === "user");
  if (last && !runningAnswer(conversation.id)) focusTurn(last.id, "edit", true);
}

function rewrite(conversation, node, content, draw) {
  conversation.updated = Date.now();
  saveTurn(conversation, Object.assign(node, { content }));
  saveHead(conversation);
  draw();
  focusTurn(node.id, "edit");
}

// The request for this turn, rebuilt if the original is no longer known.
function wouldBeSent(conversation, node) {
  const turns = activePath(conversation);
  return requestForTurns(turns.slice(0, turns.indexOf(node)));
}
