// The answers being generated, at most one per conversation, whether shown or not; saves them as
// they grow.

import { saveHead, saveTurn } from "./conversation_store.js";
import { removeTurn } from "./conversation_tree.js";
import { StreamingAnswer } from "./streaming_answer.js";

const SAVE_MS = 1000; // at most this much is lost if the browser closes
const running = new Map(); // by conversation id
const requests = new Map(); // requests sent during this visit, by turn id
let notify = () => {};
let isLeaving = false;

// `listener` is called with a StreamingAnswer and "sent", "state" or "text".
export function startRunningAnswers(listener) {
  notify = listener;
  addEventListener("pagehide", stopOnLeave);
  // A page restored from the back/forward cache has lost its answers: reload it.
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

// The running answer of a conversation, or null.
export const runningAnswer = (id) => running.get(id) ?? null;

export const sentRequest = (node) => requests.get(node.id);

// Generates the answer for `node` and resolves to the StreamingAnswer, whose `outcome` is "done",
// "stopped" or "failed". An empty turn is removed, unless it is done. Never resolves once the page
// is being left.
export async function runAnswer(conversation, node, isContinuation) {
  const answer = new StreamingAnswer(conversation, node, isContinuation);
  running.set(conversation.id, answer);
  let savedAt = performance.now();
  answer.outcome = await answer.write((each, event) => {
    if (event === "sent") requests.set(node.id, each.request);
    if (event === "text" && performance.now() - savedAt > SAVE_MS) {
      savedAt = performance.now();
      saveTurn(conversation, node);
    }
    notify(each, event);
  });
  if (isLeaving) await new Promise(() => {});
  running.delete(conversation.id);
  if (answer.isEmpty && !isContinuation && answer.outcome !== "done")
    removeTurn(conversation, node);
  else saveTurn(conversation, node);
  saveHead(conversation);
  answer.markEnded();
  return answer;
}

// Stops a conversation's answer, if any, and waits for its end.
export async function stopAnswer(id) {
  const answer = runningAnswer(id);
  answer?.stop();
  await answer?.end;
}

export const stopAllAnswers = () => Promise.all([...running.keys()].map(stopAnswer));

function stopOnLeave() {
  isLeaving = true;
  for (const answer of running.values()) {
    const { conversation, node, stats } = answer;
    if (!answer.isEmpty) {
      node.speed = stats.snapshot(null, "stopped");
      saveTurn(conversation, node);
    }
    answer.stop();
  }
}
