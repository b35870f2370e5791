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
let addressId = null; // its id, once the address names it: after the first message
let sidebar;
let actions;

export function startChat() {
  migrateV1();
  startComposer({
    send: sendWritten,
    stop: () => stopAnswer(conversation.id),
    onDraft: saveDraftText,
  });
  startSubmit(onSubmitEvent);
  startRunningAnswers(
    (answer, event) => answer.conversation === conversation && updateAnswer(answer, event),
  );
  startSettings(() => conversation);
  startScrollPosition();
  startUndo(focusComposer);
  startToolbar(() => conversation);
  addEventListener("pagehide", savePosition);
  actions = turnActions({
    current: () => conversation,
    draw,
    onRestore: showRestored,
  });
  sidebar = startSidebar({ open: navigate, onRestore: showRestored });
  startShortcuts({
    stop: () => stopAnswer(conversation.id),
    newChat: () => sidebar.newChat(),
    editLast: () => editLast(conversation),
  });
  onStoreChange(refresh);
  startTabs(showFromAddress);
  showFromAddress();
}

function navigate(id) {
  goToChat(id);
  showFromAddress();
  focusComposer();
}

// Shows the conversation in the address.
function showFromAddress() {
  const id = currentChat();
  if (conversation && (id === addressId || currentTab() !== "chat")) return;
  const known = id === null ? null : (runningAnswer(id)?.conversation ?? loadConversation(id));
  if (id !== null && !known) {
    announce(t("not_found"));
    replaceChatAddress(null);
  }
  openConversation(known ?? blankConversation(isSaved));
}

function openConversation(other) {
  savePosition();
  if (conversation && conversation.id !== other.id) removeIfEmpty(conversation.id);
  conversation = other;
  addressId = isSaved(other.id) ? other.id : null;
  showSettings(conversation);
  restoreDraft();
  draw();
  restorePosition(draftOf(conversation.id).reading);
  focusComposer();
}

// Takes over changes that another window, or an undo, made to these conversations.
function refresh(ids) {
  for (const id of ids) {
    const affected = id === addressId ? conversation : runningAnswer(id)?.conversation;
    if (affected && !syncFromStore(affected, runningAnswer(id)?.node ?? null)) {
      navigate(null);
      announce(t("not_found"));
    }
  }
  showSettings(conversation, false);
  draw();
}

// Shows a conversation that was restored.
function showRestored(id) {
  refresh(new Set([id]));
  const stored = loadConversation(id);
  if (conversation.id === id && stored && !runningAnswer(id)) openConversation(stored);
  else if (stored) navigate(id);
}

function savePosition() {
  const position = conversation ? readingPosition() : undefined;
  if (position !== undefined) saveDraft(conversation.id, { reading: position });
}

function sendWritten(text) {
  if (!text.trim()) return;
  // A duplicate of this browser tab may have started the same conversation.
  if (addressId === null && isSaved(conversation.id)) conversation.id = newId();
  if (text === composerText()) {
    clearComposer();
    saveDraftText("");
  }
  submitMessage(conversation, text);
  restorePosition(null);
}

function saveDraftText(text) {
  saveDraft(conversation.id, { text });
}

// Fills the composer with the draft. Messages that were queued behind an answer that was lost with
// the page come back to it.
function restoreDraft() {
  const { id } = conversation;
  setComposerText(runningAnswer(id) ? draftOf(id).text : queueToDraft(id));
}

// Reacts to events of submit.js.
function onSubmitEvent(affected, event, answer) {
  if (affected !== conversation) {
    if (answer)
      announce(t(answer.error ? "failed_elsewhere" : "done_elsewhere", { title: affected.title }));
    sidebar.draw(conversation.id);
    return;
  }
  if (event === "draft") restoreDraft();
  if (event === "queued") announce(t("queue_hint"));
  if (event === "started") {
    announce(t("generating"));
    if (addressId === null) {
      addressId = affected.id;
      clearBlankConversation();
      replaceChatAddress(addressId);
    }
  }
  draw();
  if (event === "started") restorePosition(null);
  if (answer) announceOutcome(answer);
}

function draw() {
  sidebar?.draw(conversation.id);
  drawChat(conversation, actions);
}
