// What the buttons of a turn do.
// Knows nothing about how they look; `shown` gives the conversation they are in.
import { answerIn, requestFor } from "./answering.js";
import { answer, goOn } from "./asking.js";
import { turnsRequest } from "./chat_request.js";
import { showCode } from "./code.js";
import { focusBox } from "./composer.js";
import { say } from "./given.js";
import { forgetTurns, saveHead, saveTurn, undoable } from "./store.js";
import { focusTurn } from "./thread.js";
import { add, path, remove, show } from "./tree.js";
import { offerUndo } from "./undo.js";

// `restored` is told the id of a conversation in which something is there again.
export function turnActions({ shown, draw, restored }) {
  const drop = (node) => {
    const conversation = shown();
    const byKeyboard = document.activeElement.matches(":focus-visible");
    let gone = [];
    const undo = undoable(() => {
      gone = remove(conversation, node);
      if (conversation.leaf === null) conversation.title = ""; // the first message gives it one
      forgetTurns(conversation, gone);
      saveHead(conversation);
    });
    draw();
    if (!byKeyboard) focusBox();
    const takeBack = () => {
      undo();
      restored(conversation.id);
    };
    offerUndo(
      say(gone.length > 1 ? "turns_removed" : "turn_removed", { count: gone.length }),
      takeBack,
      byKeyboard,
    );
  };
  return {
    again: (node) => answer(shown(), node.role === "user" ? node : shown().nodes[node.parent]),
    goOn: (node) => goOn(shown(), node),
    show: (node, action) => {
      show(shown(), node);
      saveHead(shown());
      draw();
      focusTurn(node.id, action);
    },
    save: (node, content) => rewrite(shown(), node, content, draw),
    saveAndSend: (node, content) => answer(shown(), add(shown(), node.parent, "user", content)),
    saveAndGoOn: (node, content) => {
      saveTurn(shown(), Object.assign(node, { content }));
      return goOn(shown(), node);
    },
    busy: () => answerIn(shown().id) !== null,
    remove: drop,
    code: (node) => showCode(requestFor(node) ?? wouldBeSent(shown(), node)),
  };
}

// Opens the person's last message for rewriting.
export function editLast(conversation) {
  const last = path(conversation).findLast(({ role }) => role === "user");
  if (last && !answerIn(conversation.id)) focusTurn(last.id, "edit", true);
}

function rewrite(conversation, node, content, draw) {
  conversation.updated = Date.now();
  saveTurn(conversation, Object.assign(node, { content }));
  saveHead(conversation);
  draw();
  focusTurn(node.id, "edit");
}

// What would get an answer in this turn's place, where what was sent is no longer known.
function wouldBeSent(conversation, node) {
  const turns = path(conversation);
  return turnsRequest(turns.slice(0, turns.indexOf(node)));
}
