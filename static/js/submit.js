// Submits messages: sends them, queues them behind a running answer, or returns them to the
// composer after a failure.

import { deleteTurns, saveHead, saveTurn } from "./conversation_store.js";
import { addTurn, hasFollowers, removeTurn, titleFor } from "./conversation_tree.js";
import { draftOf, saveDraft } from "./drafts.js";
import { runAnswer, runningAnswer } from "./running_answers.js";

const failures = new Map(); // by conversation id: {error, retry}
let changed = () => {};

export function startSubmit(listener) {
  changed = listener;
}

// The last failure of a conversation, or null.
export const failureOf = (id) => failures.get(id) ?? null;

export const forgetFailure = (id) => failures.delete(id);

// A message is queued while an answer is running.
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

// Generates another answer to a user turn.
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

// Sends the queued messages after a successful answer; otherwise returns them to the composer,
// after the texts without an answer.
function settle(conversation, outcome, unanswered = []) {
  const { queue } = draftOf(conversation.id);
  saveDraft(conversation.id, { queue: [] });
  if (outcome === "done") for (const each of queue) submitMessage(conversation, each);
  else if (unanswered.length || queue.length) giveBack(conversation, unanswered, queue);
}

// Resolves to the answer's outcome.
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

// The parent of a new user turn. A user turn without an answer becomes a sibling branch.
function lastAnswered(conversation) {
  const last = conversation.nodes[conversation.leaf];
  return last?.role === "user" ? last.parent : conversation.leaf;
}

// Removes a question without an answer, and returns its text for the composer.
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

// The text was returned to the composer, where the user may have edited it.
function retry(conversation, text) {
  if (draftOf(conversation.id).text === text) saveDraft(conversation.id, { text: "" });
  changed(conversation, "draft");
  submitMessage(conversation, text);
}
