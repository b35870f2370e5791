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

let shownConversation = null; // the conversation on the page
let shownFailure = null; // the failure on the page
let liveAnswer = null; // the answer that is being generated

export function drawChat(conversation, actions) {
  const other = conversation !== shownConversation;
  shownConversation = conversation;
  const answer = runningAnswer(conversation.id);
  byId("welcome").hidden = conversation.leaf !== null;
  byId("conversation-title").textContent = conversation.title || t("untitled");
  setChatTitle(conversation.title);
  byId("chat-markdown").hidden = conversation.leaf === null;
  showBusy(answer !== null);
  drawQueue(draftOf(conversation.id).queue, unqueue);
  showThread(conversation, answer?.node ?? null, actions);
  drawMeter(conversation, answer);
  if (answer && (other || answer !== liveAnswer)) showRunning(answer);
  if (other || !answer) resetRepetition("chat");
  liveAnswer = answer;
  drawFailure(failureOf(conversation.id), other);
}

// Context usage: the server's count for the running answer, else from the turns.
function drawMeter(conversation, answer) {
  if (answer && answer.tokens !== null)
    return showMeter(answer.tokens, false, answer.length ?? undefined);
  const { tokens, isEstimate } = contextUsage(conversation);
  return showMeter(tokens, isEstimate);
}

// Updates the page after an event of the running answer.
export function updateAnswer(answer, event) {
  const view = turnView(answer.node.id);
  if (event === "sent") drawMeter(answer.conversation, answer);
  if (event === "state") view?.setState(...answer.state);
  if (event === "calls") view?.writeCalls(answer.node.calls);
  if (event !== "text") return;
  view?.write(answer.node, answer.stats);
  checkRepetition("chat", answer.node.content);
}

// Announces the end of an answer to screen readers.
export function announceOutcome({ outcome, node }) {
  const texts = {
    done: () => t("done", { count: formatNumber(node.speed.tokens) }),
    stopped: () => t("stopped"),
  };
  announce(texts[outcome]?.() ?? "");
}

// Draws an answer that was started before its conversation was shown.
function showRunning(answer) {
  if (answer.request) updateAnswer(answer, "sent");
  updateAnswer(answer, answer.isEmpty ? "state" : "text");
}

function drawFailure(failure, other) {
  if (failure === shownFailure && !other) return;
  shownFailure = failure;
  const { id } = shownConversation;
  if (failure) showFailure("chat", failure.error, failure.retry, () => forgetFailure(id));
  else clearFailure("chat");
}

function unqueue(index) {
  const { queue, text } = draftOf(shownConversation.id);
  saveDraft(shownConversation.id, { queue: queue.toSpliced(index, 1) });
  drawQueue(draftOf(shownConversation.id).queue, unqueue);
  return [queue[index], text].filter((each) => each).join("\n\n");
}
