// The chat: what happens when a person sends, stops, tries again, goes on or edits.
// Knows nothing about how turns look (thread.js) or where they are kept (shelf.js).
import { answerTurn } from "./chat_answer.js";
import { showCode } from "./code.js";
import { empty, example, focusBox, showBusy, startComposer, written } from "./composer.js";
import { byId } from "./element.js";
import { turnsRequest } from "./chat_request.js";
import { say } from "./given.js";
import { meter } from "./meter.js";
import { clearFailure } from "./notices.js";
import { restore, snapshot } from "./parameters.js";
import { download, toMarkdown } from "./transfer.js";
import { startShelf } from "./shelf.js";
import { startShortcuts } from "./shortcuts.js";
import { focusTurn, showThread } from "./thread.js";
import { add, newConversation, path, remove, show, titleOf } from "./tree.js";

let conversation = newConversation();
let running = null; // {controller, done} of the answer that is being written
let shelf;
const requests = new Map(); // what was sent for which turn, during this visit

export function startChat() {
  startComposer({ send, stop });
  byId("chat-system").addEventListener("change", () => {
    conversation.system = byId("chat-system").value;
    keep();
  });
  byId("chat-code").addEventListener("click", () => showCode(pending()));
  byId("chat-markdown").addEventListener("click", () => {
    download(`${conversation.title || "westlake"}.md`, "text/markdown", toMarkdown(conversation));
  });
  addEventListener("pagehide", stop);
  shelf = startShelf({ open, fresh: () => open(newConversation()) });
  startShortcuts({ stop, fresh: () => shelf.fresh(), editLast });
  open(conversation);
}

async function open(other) {
  await stop();
  conversation = other;
  byId("chat-system").value = conversation.system;
  restore("chat", conversation.options);
  clearFailure("chat");
  meter(null);
  draw();
  focusBox();
}

async function send(text) {
  if (!text.trim() || running) return;
  empty();
  await answer(add(conversation, conversation.leaf, "user", text));
}

// A first or a further answer to a turn of the person's.
async function answer(question) {
  const node = add(conversation, question.id, "assistant", "");
  await run(node, false, () => answer(question));
}

async function goOn(node) {
  await run(node, true, () => goOn(node));
}

async function run(node, continued, again) {
  if (running) return;
  clearFailure("chat");
  const controller = new AbortController();
  const own = conversation;
  conversation.title ||= titleOf(conversation);
  conversation.options = snapshot("chat");
  running = { controller, node, done: null };
  draw();
  keep();
  const told = { node, continued, controller, again, sent: (request) => requests.set(node.id, request) };
  running.done = answerTurn(own, told).finally(() => {
    running = null;
    shelf.keep(own);
    draw();
  });
  await running.done;
}

async function stop() {
  running?.controller.abort();
  await running?.done;
}

function draw() {
  byId("welcome").hidden = conversation.leaf !== null;
  byId("conversation-title").textContent = conversation.title;
  byId("chat-markdown").hidden = conversation.leaf === null;
  showBusy(running !== null);
  shelf?.draw(conversation.id);
  showThread(conversation, running?.node ?? null, actions);
}

function keep() {
  conversation.updated = Date.now();
  if (conversation.leaf !== null) shelf.keep(conversation);
}

function changed(node, action) {
  keep();
  draw();
  focusTurn(node.id, action);
}

function editLast() {
  const last = path(conversation).findLast(({ role }) => role === "user");
  if (last && !running) focusTurn(last.id, "edit", true);
}

// What Send would send now; an example's words stand in for an empty box.
function pending() {
  return turnsRequest([...path(conversation), { role: "user", content: written().trim() ? written() : example() }]);
}

// What would get an answer in this turn's place, where what was sent is no longer known.
function again(node) {
  const turns = path(conversation);
  return turnsRequest(turns.slice(0, turns.indexOf(node)));
}

const actions = {
  again: (node) => answer(conversation.nodes[node.parent]),
  goOn,
  show: (node, action) => {
    show(conversation, node);
    changed(conversation.nodes[node.id], action);
  },
  save: (node, content) => {
    node.content = content;
    changed(node, "edit");
  },
  saveAndSend: (node, content) => answer(add(conversation, node.parent, "user", content)),
  saveAndGoOn: (node, content) => goOn(Object.assign(node, { content })),
  busy: () => running !== null,
  remove: (node) => {
    remove(conversation, node);
    keep();
    draw();
    focusBox();
    return say("removed");
  },
  code: (node) => showCode(requests.get(node.id) ?? again(node)),
};
