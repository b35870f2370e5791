// The chat tab's controller: decides which conversation is shown and redraws it after each change.

import { t } from "./bootstrap.js";
import { showSettings, startSettings } from "./chat_settings.js";
import { startToolbar } from "./chat_toolbar.js";
import { announceOutcome, drawChat, updateAnswer } from "./chat_view.js";
import {
  clearComposer,
  composerText,
  focusComposer,
  setComposerText,
  startComposer,
} from "./composer.js";
import { isSaved, loadConversation, migrateV1, onStoreChange } from "./conversation_store.js";
import { newId } from "./conversation_tree.js";
import {
  blankConversation,
  clearBlankConversation,
  draftOf,
  queueToDraft,
  saveDraft,
} from "./drafts.js";
import { removeIfEmpty } from "./empty_chat.js";
import { announce } from "./notices.js";
import { runningAnswer, startRunningAnswers, stopAnswer } from "./running_answers.js";
import { readingPosition, restorePosition, startScrollPosition } from "./scroll_position.js";
import { startShortcuts } from "./shortcuts.js";
import { startSidebar } from "./sidebar.js";
import { syncFromStore } from "./store_sync.js";
import { startSubmit, submitMessage } from "./submit.js";
import { currentChat, currentTab, goToChat, replaceChatAddress, startTabs } from "./tabs.js";
import { editLast, turnActions } from "./turn_actions.js";
import { startUndo } from "./undo.js";

let conversation = null;
let named = null; // its id, once the address names it: after the first message
let shelf;
let actions;

export function startChat() {
  migrateV1();
  startComposer({ send: sendWritten, stop: () => stopAnswer(conversation.id), drafted });
  startSubmit(asked);
  startRunningAnswers(
    (answer, what) => answer.conversation === conversation && updateAnswer(answer, what),
  );
  startSettings(() => conversation);
  startScrollPosition();
  startUndo(focusComposer);
  startToolbar(() => conversation);
  addEventListener("pagehide", leave);
  actions = turnActions({ shown: () => conversation, draw, restored });
  shelf = startSidebar({ open: goTo, restored });
  startShortcuts({
    stop: () => stopAnswer(conversation.id),
    fresh: () => shelf.fresh(),
    editLast: () => editLast(conversation),
  });
  onStoreChange(refresh);
  startTabs(arrive);
  arrive();
}

function goTo(id) {
  goToChat(id);
  arrive();
  focusComposer();
}

// Shows the conversation in the address.
function arrive() {
  const id = currentChat();
  if (conversation && (id === named || currentTab() !== "chat")) return;
  const found = id === null ? null : (runningAnswer(id)?.conversation ?? loadConversation(id));
  if (id !== null && !found) {
    announce(t("not_found"));
    replaceChatAddress(null);
  }
  open(found ?? blankConversation(isSaved));
}

function open(other) {
  leave();
  if (conversation && conversation.id !== other.id) removeIfEmpty(conversation.id);
  conversation = other;
  named = isSaved(other.id) ? other.id : null;
  showSettings(conversation);
  draft();
  draw();
  restorePosition(draftOf(conversation.id).reading);
  focusComposer();
}

// Takes over changes that another window, or an undo, made to these conversations.
function refresh(ids) {
  for (const id of ids) {
    const own = id === named ? conversation : runningAnswer(id)?.conversation;
    if (own && !syncFromStore(own, runningAnswer(id)?.node ?? null)) {
      goTo(null);
      announce(t("not_found"));
    }
  }
  showSettings(conversation, false);
  draw();
}

// Shows a conversation that was restored.
function restored(id) {
  refresh(new Set([id]));
  const stored = loadConversation(id);
  if (conversation.id === id && stored && !runningAnswer(id)) open(stored);
  else if (stored) goTo(id);
}

function leave() {
  const place = conversation ? readingPosition() : undefined;
  if (place !== undefined) saveDraft(conversation.id, { reading: place });
}

function sendWritten(text) {
  if (!text.trim()) return;
  // A duplicate of this browser tab may have started the same conversation.
  if (named === null && isSaved(conversation.id)) conversation.id = newId();
  if (text === composerText()) {
    clearComposer();
    drafted("");
  }
  submitMessage(conversation, text);
  restorePosition(null);
}

function drafted(text) {
  saveDraft(conversation.id, { text });
}

// Fills the composer with the draft. Messages that were queued behind an answer that was lost with
// the page come back to it.
function draft() {
  const { id } = conversation;
  setComposerText(runningAnswer(id) ? draftOf(id).text : queueToDraft(id));
}

// Reacts to events of submit.js.
function asked(own, what, answer) {
  if (own !== conversation) {
    if (answer)
      announce(t(answer.error ? "failed_elsewhere" : "done_elsewhere", { title: own.title }));
    shelf.draw(conversation.id);
    return;
  }
  if (what === "draft") draft();
  if (what === "waiting") announce(t("queue_hint"));
  if (what === "begun") {
    announce(t("generating"));
    if (named === null) {
      named = own.id;
      clearBlankConversation();
      replaceChatAddress(named);
    }
  }
  draw();
  if (what === "begun") restorePosition(null);
  if (answer) announceOutcome(answer);
}

function draw() {
  shelf?.draw(conversation.id);
  drawChat(conversation, actions);
}
