// The chat: which conversation is shown, and what of it is drawn when.
// Knows nothing about how turns look (thread.js), or how they come to be (asking.js).
import { answerIn, startAnswering, stop } from "./answering.js";
import { send, startAsking } from "./asking.js";
import { forgetBlank } from "./blank_chat.js";
import { concludeAnswer, drawChat, tellOf } from "./chat_page.js";
import { showSettings, startSettings } from "./chat_settings.js";
import { startToolbar } from "./chat_toolbar.js";
import { empty, fill, focusBox, startComposer, written } from "./composer.js";
import { draftOf, freshConversation, keepDraft, noLongerFresh, withoutQueue } from "./drafts.js";
import { say } from "./given.js";
import { announce } from "./notices.js";
import { currentChat, currentRoom, goToChat, nameChat, startRooms } from "./rooms.js";
import { read, reading, startScrollPlace } from "./scroll_place.js";
import { startShelf } from "./shelf.js";
import { startShortcuts } from "./shortcuts.js";
import { isKept, load, moveOlder, onChange } from "./store.js";
import { takeOver } from "./take_over.js";
import { newId } from "./tree.js";
import { editLast, turnActions } from "./turn_actions.js";
import { startUndo } from "./undo.js";

let conversation = null;
let named = null; // its id, once the address may name it: something has been said in it
let shelf;
let actions;

export function startChat() {
  moveOlder();
  startComposer({ send: sendWritten, stop: () => stop(conversation.id), drafted });
  startAsking(asked);
  startAnswering((answer, what) => answer.conversation === conversation && tellOf(answer, what));
  startSettings(() => conversation);
  startScrollPlace();
  startUndo(focusBox);
  startToolbar(() => conversation);
  addEventListener("pagehide", leave);
  actions = turnActions({ shown: () => conversation, draw, restored });
  shelf = startShelf({ open: goTo, restored });
  startShortcuts({
    stop: () => stop(conversation.id),
    fresh: () => shelf.fresh(),
    editLast: () => editLast(conversation),
  });
  onChange(refresh);
  startRooms(arrive);
  arrive();
}

function goTo(id) {
  goToChat(id);
  arrive();
  focusBox();
}

// Shows the conversation that the address names.
function arrive() {
  const id = currentChat();
  if (conversation && (id === named || currentRoom() !== "chat")) return;
  const found = id === null ? null : (answerIn(id)?.conversation ?? load(id));
  if (id !== null && !found) {
    announce(say("not_here"));
    nameChat(null);
  }
  open(found ?? freshConversation(isKept));
}

function open(other) {
  leave();
  if (conversation && conversation.id !== other.id) forgetBlank(conversation.id);
  conversation = other;
  named = isKept(other.id) ? other.id : null;
  showSettings(conversation);
  draft();
  draw();
  read(draftOf(conversation.id).reading);
  focusBox();
}

// Another window, or an undo, has changed what is kept of these conversations.
function refresh(ids) {
  for (const id of ids) {
    const own = id === named ? conversation : answerIn(id)?.conversation;
    if (own && !takeOver(own, answerIn(id)?.node ?? null)) {
      goTo(null);
      announce(say("not_here"));
    }
  }
  showSettings(conversation, false);
  draw();
}

// A conversation is there again, or as it was; it is shown.
function restored(id) {
  refresh(new Set([id]));
  const stored = load(id);
  if (conversation.id === id && stored && !answerIn(id)) open(stored);
  else if (stored) goTo(id);
}

function leave() {
  const place = conversation ? reading() : undefined;
  if (place !== undefined) keepDraft(conversation.id, { reading: place });
}

function sendWritten(text) {
  if (!text.trim()) return;
  // A copy of this tab may have begun the same conversation.
  if (named === null && isKept(conversation.id)) conversation.id = newId();
  if (text === written()) {
    empty();
    drafted("");
  }
  send(conversation, text);
  read(null);
}

function drafted(text) {
  keepDraft(conversation.id, { text });
}

// The box as it was left; what waited for an answer that was lost with the page comes back to it.
function draft() {
  const { id } = conversation;
  fill(answerIn(id) ? draftOf(id).text : withoutQueue(id));
}

// News of a conversation's questions.
function asked(own, what, answer) {
  if (own !== conversation) {
    if (answer)
      announce(say(answer.error ? "failed_elsewhere" : "done_elsewhere", { title: own.title }));
    shelf.draw(conversation.id);
    return;
  }
  if (what === "draft") draft();
  if (what === "waiting") announce(say("waiting"));
  if (what === "begun") {
    announce(say("generating"));
    if (named === null) {
      named = own.id;
      noLongerFresh();
      nameChat(named);
    }
  }
  draw();
  if (what === "begun") read(null);
  if (answer) concludeAnswer(answer);
}

function draw() {
  shelf?.draw(conversation.id);
  drawChat(conversation, actions);
}
