// The list of conversations kept in this browser: open, begin, remove, take out, bring in.
// Knows nothing about turns.
import { agreed } from "./dialogs.js";
import { byId, element, iconButton } from "./element.js";
import { say } from "./given.js";
import { announce, showFailure } from "./notices.js";
import { closeSheet, startPanel } from "./panel.js";
import { StoreFull, allConversations, forget, load, onChange, save } from "./store.js";
import { download, fromFile, toJson } from "./transfer.js";

let kept = []; // newest first; what the browser has no room for is still here
let current = null;

export function startShelf({ open, fresh }) {
  kept = allConversations();
  const opened = (conversation) => {
    open(conversation);
    closeSheet("shelf", byId("shelf-open"));
  };
  const begin = () => {
    fresh();
    closeSheet("shelf", byId("shelf-open"));
  };
  startPanel(byId("shelf"), byId("shelf-open"));
  byId("new-chat").addEventListener("click", begin);
  byId("export-all").addEventListener("click", exportAll);
  byId("clear-all").addEventListener("click", () => clearAll(begin));
  byId("import").addEventListener("click", () => byId("import-file").click());
  byId("import-file").addEventListener("change", () => importFile(opened));
  onChange(() => {
    kept = allConversations();
    draw(current, opened, begin);
  });
  return { keep, fresh: begin, draw: (id) => draw(id, opened, begin) };
}

function keep(conversation) {
  kept = [conversation, ...kept.filter(({ id }) => id !== conversation.id)];
  try {
    save(conversation);
  } catch (error) {
    if (!(error instanceof StoreFull)) throw error;
    showFull();
  }
}

function showFull() {
  const oldest = kept.at(-1);
  const makeRoom = () => {
    const gone = kept.splice(Math.ceil(kept.length / 2));
    for (const { id } of gone) forget(id);
    keep(kept[0]);
    draw(current);
  };
  const box = byId("chat-failure");
  const removable = kept.length > 1 && oldest;
  box.replaceChildren(
    element("strong", {}, say("store_full")), " ", say("next_store_full"),
    element("button", { type: "button", class: "outlined", onclick: exportAll }, say("export")),
    removable ? element("button", { type: "button", class: "outlined", onclick: () => {
      box.hidden = true;
      makeRoom();
    } }, say("remove_older")) : "",
  );
  box.hidden = false;
}

let handlers = [];

function draw(id, ...given) {
  current = id;
  if (given.length) handlers = given;
  const [opened, begin] = handlers;
  byId("conversations").replaceChildren(...kept.map((conversation) => {
    const title = conversation.title || say("untitled");
    const own = { type: "button", class: "conversation", "aria-current": conversation.id === id ? "true" : null };
    const choose = () => opened(load(conversation.id) ?? conversation);
    const button = element("button", { ...own, onclick: choose, title }, title);
    return element("li", {}, button, iconButton("bin", say("remove_named", { title }), () => drop(conversation, begin)));
  }));
}

async function drop(conversation, begin) {
  if (!(await agreed(say("remove_question", { title: conversation.title }), say("remove")))) return;
  kept = kept.filter(({ id }) => id !== conversation.id);
  forget(conversation.id);
  announce(say("removed"));
  if (conversation.id === current) begin();
  else draw(current);
}

async function clearAll(begin) {
  if (!kept.length || !(await agreed(say("clear_question"), say("remove_all")))) return;
  for (const { id } of kept) forget(id);
  kept = [];
  begin();
}

function exportAll() {
  download("westlake.json", "application/json", toJson(kept));
}

async function importFile(opened) {
  const [file] = byId("import-file").files;
  byId("import-file").value = "";
  if (!file) return;
  try {
    const brought = await fromFile(file);
    for (const conversation of brought.toReversed()) keep(conversation);
    announce(say("imported", { count: brought.length }));
    if (brought.length) opened(brought[0]);
  } catch (error) {
    showFailure("chat", error);
  }
}
