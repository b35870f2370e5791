// Submits messages: sends them, queues them behind a running answer, or returns them to the
// composer after a failure.

import { deleteTurns, saveHead, saveTurn } from "./conversation_store.js";
import { addTurn, hasFollowers, removeTurn, titleFor } from "./conversation_tree.js";
import { draftOf, saveDraft } from "./drafts.js";
import { runAnswer, runningAnswer } from "./running_answers.js";

const failures = new Map(); // by conversation id: {error, retry}
let notify = () => {};

export function startSubmit(listener) {
  notify = listener;
}

// The last failure of a conversation, or null.
export const failureOf = (id) => failures.get(id) ?? null;

export const forgetFailure = (id) => failures.delete(id);

// A message is queued while an answer is running.
export async function submitMessage(conversation, text) {
  const { id } = conversation;
  if (runningAnswer(id)) {
    saveDraft(id, { queue: [...draftOf(id).queue, text] });
    notify(conversation, "queued");
    return;
  }
  const question = addTurn(conversation, parentOfNextTurn(conversation), "user", text);
  const outcome = await ask(conversation, question, () => resubmit(conversation, text));
  finishQueue(
    conversation,
    outcome,
    outcome === "done" ? [] : removeUnanswered(conversation, question),
  );
}

// Answers an answer's tool calls with their results, in the same order, and goes on.
export async function submitResults(conversation, node, results) {
  if (runningAnswer(conversation.id)) return;
  let last = node;
  node.calls.forEach((call, index) => {
    last = Object.assign(addTurn(conversation, last.id, "tool", results[index]), { call });
    saveTurn(conversation, last);
  });
  await regenerate(conversation, last);
}

// Generates another answer to a user turn, or to the last result of a tool.
export async function regenerate(conversation, question) {
  finishQueue(
    conversation,
    await ask(conversation, question, () => regenerate(conversation, question)),
  );
}

export async function continueAnswer(conversation, node) {
  finishQueue(
    conversation,
    await generate(conversation, node, true, () => continueAnswer(conversation, node)),
  );
}

async function ask(conversation, question, retry) {
  saveTurn(conversation, question);
  return generate(conversation, addTurn(conversation, question.id, "assistant", ""), false, retry);
}

// Sends the queued messages after a successful answer; otherwise returns them to the composer,
// after the texts without an answer.
function finishQueue(conversation, outcome, unansweredTexts = []) {
  const { queue } = draftOf(conversation.id);
  saveDraft(conversation.id, { queue: [] });
  if (outcome === "done") for (const each of queue) submitMessage(conversation, each);
  else if (unansweredTexts.length || queue.length)
    returnToComposer(conversation, unansweredTexts, queue);
}

// Resolves to the answer's outcome.
async function generate(conversation, node, isContinuation, retry) {
  failures.delete(conversation.id);
  conversation.title ||= titleFor(conversation);
  conversation.updated = Date.now();
  saveHead(conversation);
  const running = runAnswer(conversation, node, isContinuation);
  notify(conversation, "started");
  const result = await running;
  if (result.error) failures.set(conversation.id, { error: result.error, retry });
  notify(conversation, result.outcome, result);
  return result.outcome;
}

// The parent of a new user turn. A user turn without an answer becomes a sibling branch.
function parentOfNextTurn(conversation) {
  const last = conversation.nodes[conversation.leaf];
  return last?.role === "user" ? last.parent : conversation.leaf;
}

// Removes a question without an answer, and returns its text for the composer.
function removeUnanswered(conversation, question) {
  if (!conversation.nodes[question.id] || hasFollowers(conversation, question)) return [];
  removeTurn(conversation, question);
  deleteTurns(conversation, [question]);
  if (conversation.leaf === null) conversation.title = "";
  saveHead(conversation);
  return [question.content];
}

function returnToComposer(conversation, ...texts) {
  const { id } = conversation;
  saveDraft(id, { text: [...texts.flat(), draftOf(id).text].filter((text) => text).join("\n\n") });
  notify(conversation, "draft");
}

// The text was returned to the composer, where the user may have edited it.
function resubmit(conversation, text) {
  if (draftOf(conversation.id).text === text) saveDraft(conversation.id, { text: "" });
  notify(conversation, "draft");
  submitMessage(conversation, text);
}
