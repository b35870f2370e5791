// Draws the conversation that is shown and what stands around its turns.
// Knows nothing about how a turn looks (thread.js), or what changes it.
import { answerIn } from "./answering.js";
import { failureIn, forgetFailure } from "./asking.js";
import { drawQueue, showBusy } from "./composer.js";
import { contextUse } from "./context_use.js";
import { draftOf, keepDraft } from "./drafts.js";
import { byId } from "./element.js";
import { count, say } from "./given.js";
import { forgetLoop, mindLoop } from "./loop_notice.js";
import { meter } from "./meter.js";
import { announce, clearFailure, showFailure } from "./notices.js";
import { titleChat } from "./page_title.js";
import { liveTurn, showThread } from "./thread.js";

let shown = null; // the conversation
let failed = null; // the failure that is told
let live = null; // the answer that is being written

export function drawChat(conversation, actions) {
  const other = conversation !== shown;
  shown = conversation;
  const answer = answerIn(conversation.id);
  byId("welcome").hidden = conversation.leaf !== null;
  byId("conversation-title").textContent = conversation.title || say("untitled");
  titleChat(conversation.title);
  byId("chat-markdown").hidden = conversation.leaf === null;
  showBusy(answer !== null);
  drawQueue(draftOf(conversation.id).queue, unqueue);
  showThread(conversation, answer?.node ?? null, actions);
  drawMeter(conversation, answer);
  if (answer && (other || answer !== live)) resume(answer);
  if (other || !answer) forgetLoop("chat");
  live = answer;
  drawFailure(failureIn(conversation.id), other);
}

// How full the context is: as the server has counted for the answer that is being written, else as the
// turns tell.
function drawMeter(conversation, answer) {
  if (answer && answer.tokens !== null)
    return meter(answer.tokens, false, answer.length ?? undefined);
  const { tokens, about } = contextUse(conversation);
  return meter(tokens, about);
}

// News of the answer that is being written in sight.
export function tellOf(answer, what) {
  const view = liveTurn(answer.node.id);
  if (what === "sent") drawMeter(answer.conversation, answer);
  if (what === "state") view?.state(...answer.state);
  if (what !== "text") return;
  view?.write(answer.node.content, answer.watch);
  mindLoop("chat", answer.node.content);
}

// Says that it has ended.
export function concludeAnswer({ outcome, node }) {
  const words = {
    done: () => say("done", { count: count(node.speed.tokens) }),
    stopped: () => say("stopped"),
  };
  announce(words[outcome]?.() ?? "");
}

// It was begun out of sight, or a moment ago.
function resume(answer) {
  if (answer.request) tellOf(answer, "sent");
  tellOf(answer, answer.saidNothing ? "state" : "text");
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
  keepDraft(shown.id, { queue: queue.toSpliced(place, 1) });
  drawQueue(draftOf(shown.id).queue, unqueue);
  return [queue[place], text].filter((each) => each).join("\n\n");
}
