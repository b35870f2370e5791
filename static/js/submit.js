// What happens to a message: it is asked, waits for the answer before it, or is given back.
// Knows nothing about which conversation is shown; `changed` hears when one is to be drawn anew.

import { deleteTurns, saveHead, saveTurn } from "./conversation_store.js";
import { addTurn, hasFollowers, removeTurn, titleFor } from "./conversation_tree.js";
import { draftOf, saveDraft } from "./drafts.js";
import { runAnswer, runningAnswer } from "./running_answers.js";

const failures = new Map(); // by the conversation's id: {error, again}
let changed = () => {};

export function startSubmit(listener) {
  changed = listener;
}

// What went wrong last in a conversation, and how to try it again; null when nothing did.
export const failureOf = (id) => failures.get(id) ?? null;

export const forgetFailure = (id) => failures.delete(id);

// While an answer is being written a message waits for its end.
export async function submitMessage(conversation, text) {
  const { id } = conversation;
  if (runningAnswer(id)) {
    saveDraft(id, { queue: [...draftOf(id).queue, text] });
    changed(conversation, "waiting");
    return;
  }
  const question = addTurn(conversation, lastAnswered(conversation), "user", text);
  const outcome = await ask(conversation, question, () => retry(conversation, text));
  settle(conversation, outcome, outcome === "done" ? [] : takenBack(conversation, question));
}

// A first or a further answer to a turn of the person's.
export async function regenerate(conversation, question) {
  settle(conversation, await ask(conversation, question, () => regenerate(conversation, question)));
}

export async function continueAnswer(conversation, node) {
  settle(
    conversation,
    await run(conversation, node, true, () => continueAnswer(conversation, node)),
  );
}

async function ask(conversation, question, again) {
  saveTurn(conversation, question);
  return run(conversation, addTurn(conversation, question.id, "assistant", ""), false, again);
}

// What has waited for the answer's end is sent now; where that was not a good one it is given back,
// after the texts that got no answer.
function settle(conversation, outcome, unanswered = []) {
  const { queue } = draftOf(conversation.id);
  saveDraft(conversation.id, { queue: [] });
  if (outcome === "done") for (const each of queue) submitMessage(conversation, each);
  else if (unanswered.length || queue.length) giveBack(conversation, unanswered, queue);
}

// Ends with the answer's outcome.
async function run(conversation, node, continued, again) {
  failures.delete(conversation.id);
  conversation.title ||= titleFor(conversation);
  conversation.updated = Date.now();
  saveHead(conversation);
  const writing = runAnswer(conversation, node, continued);
  changed(conversation, "begun");
  const answered = await writing;
  if (answered.error) failures.set(conversation.id, { error: answered.error, again });
  changed(conversation, answered.outcome, answered);
  return answered.outcome;
}

// Where a new turn goes: no turn of the person's follows another. One without an answer is still
// there, as another branch.
function lastAnswered(conversation) {
  const last = conversation.nodes[conversation.leaf];
  return last?.role === "user" ? last.parent : conversation.leaf;
}

// A question that nothing was said to goes back to where it was written.
function takenBack(conversation, question) {
  if (!conversation.nodes[question.id] || hasFollowers(conversation, question)) return [];
  removeTurn(conversation, question);
  deleteTurns(conversation, [question]);
  if (conversation.leaf === null) conversation.title = "";
  saveHead(conversation);
  return [question.content];
}

function giveBack(conversation, ...texts) {
  const { id } = conversation;
  saveDraft(id, { text: [...texts.flat(), draftOf(id).text].filter((text) => text).join("\n\n") });
  changed(conversation, "draft");
}

// The text has been given back to the box, where it may have been rewritten.
function retry(conversation, text) {
  if (draftOf(conversation.id).text === text) saveDraft(conversation.id, { text: "" });
  changed(conversation, "draft");
  submitMessage(conversation, text);
}
