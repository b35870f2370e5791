// Has answers written, one at a time in each conversation, whichever is shown, and keeps what is said.
// Knows nothing about pages: `told` hears what happens to which answer.

import { saveHead, saveTurn } from "./conversation_store.js";
import { removeTurn } from "./conversation_tree.js";
import { StreamingAnswer } from "./streaming_answer.js";

const SAVE_MS = 1000; // so much at most is lost with the browser
const running = new Map(); // by the conversation's id
const requests = new Map(); // what was sent for which turn, during this visit
let told = () => {};
let left = false;

// `listener` gets an Answer and "sent", "state" or "text".
export function startRunningAnswers(listener) {
  told = listener;
  addEventListener("pagehide", leave);
  // A page that comes back as it was has lost its answers: it begins anew.
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

// The answer that is being written in a conversation, or null.
export const runningAnswer = (id) => running.get(id) ?? null;

export const sentRequest = (node) => requests.get(node.id);

// Ends with the Answer, whose `outcome` is "done", "stopped" or "failed"; a turn in which nothing
// was said is gone then. Never ends once the page is being left.
export async function runAnswer(conversation, node, continued) {
  const answer = new StreamingAnswer(conversation, node, continued);
  running.set(conversation.id, answer);
  let saved = performance.now();
  answer.outcome = await answer.write((each, what) => {
    if (what === "sent") requests.set(node.id, each.request);
    if (what === "text" && performance.now() - saved > SAVE_MS) {
      saved = performance.now();
      saveTurn(conversation, node);
    }
    told(each, what);
  });
  if (left) await new Promise(() => {});
  running.delete(conversation.id);
  if (answer.saidNothing && !continued && answer.outcome !== "done") removeTurn(conversation, node);
  else saveTurn(conversation, node);
  saveHead(conversation);
  answer.ended();
  return answer;
}

// Stops the answer of a conversation, if there is one, and waits for its end.
export async function stopAnswer(id) {
  const answer = runningAnswer(id);
  answer?.stop();
  await answer?.end;
}

export const stopAllAnswers = () => Promise.all([...running.keys()].map(stopAnswer));

function leave() {
  left = true;
  for (const answer of running.values()) {
    const { conversation, node, watch } = answer;
    if (!answer.saidNothing) {
      node.speed = watch.read(null, "stopped");
      saveTurn(conversation, node);
    }
    answer.stop();
  }
}
