// Draws the current conversation and the elements around its thread.

import { formatNumber, t } from "./bootstrap.js";
import { drawQueue, showBusy } from "./composer.js";
import { showMeter } from "./context_meter.js";
import { contextUsage } from "./context_usage.js";
import { draftOf, saveDraft } from "./drafts.js";
import { byId } from "./element.js";
import { announce, clearFailure, showFailure } from "./notices.js";
import { setChatTitle } from "./page_title.js";
import { checkRepetition, resetRepetition } from "./repetition_notice.js";
import { runningAnswer } from "./running_answers.js";
import { failureOf, forgetFailure } from "./submit.js";
import { showThread, turnView } from "./thread.js";

let shown = null; // the conversation on the page
let failed = null; // the failure on the page
let live = null; // the answer that is being generated

export function drawChat(conversation, actions) {
  const other = conversation !== shown;
  shown = conversation;
  const answer = runningAnswer(conversation.id);
  byId("welcome").hidden = conversation.leaf !== null;
  byId("conversation-title").textContent = conversation.title || t("untitled");
  setChatTitle(conversation.title);
  byId("chat-markdown").hidden = conversation.leaf === null;
  showBusy(answer !== null);
  drawQueue(draftOf(conversation.id).queue, unqueue);
  showThread(conversation, answer?.node ?? null, actions);
  drawMeter(conversation, answer);
  if (answer && (other || answer !== live)) resume(answer);
  if (other || !answer) resetRepetition("chat");
  live = answer;
  drawFailure(failureOf(conversation.id), other);
}

// Context usage: the server's count for the running answer, else from the turns.
function drawMeter(conversation, answer) {
  if (answer && answer.tokens !== null)
    return showMeter(answer.tokens, false, answer.length ?? undefined);
  const { tokens, about } = contextUsage(conversation);
  return showMeter(tokens, about);
}

// Updates the page after an event of the running answer.
export function updateAnswer(answer, what) {
  const view = turnView(answer.node.id);
  if (what === "sent") drawMeter(answer.conversation, answer);
  if (what === "state") view?.setState(...answer.state);
  if (what !== "text") return;
  view?.write(answer.node.content, answer.watch);
  checkRepetition("chat", answer.node.content);
}

// Announces the end of an answer to screen readers.
export function announceOutcome({ outcome, node }) {
  const words = {
    done: () => t("done", { count: formatNumber(node.speed.tokens) }),
    stopped: () => t("stopped"),
  };
  announce(words[outcome]?.() ?? "");
}

// Draws an answer that was started before its conversation was shown.
function resume(answer) {
  if (answer.request) updateAnswer(answer, "sent");
  updateAnswer(answer, answer.saidNothing ? "state" : "text");
}

function drawFailure(failure, other) {
  if (failure === failed && !other) return;
  failed = failure;
  const { id } = shown;
  if (failure) showFailure("chat", failure.error, failure.again, () => forgetFailure(id));
  else clearFailure("chat");
}

function unqueue(place) {
  const { queue, text } = draftOf(shown.id);
  saveDraft(shown.id, { queue: queue.toSpliced(place, 1) });
  drawQueue(draftOf(shown.id).queue, unqueue);
  return [queue[place], text].filter((each) => each).join("\n\n");
}
