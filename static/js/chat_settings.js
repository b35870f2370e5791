// The settings of the conversation that is shown: its system prompt and its parameters, kept with it
// as they are written. Knows nothing about what they do.
import { keepFresh } from "./drafts.js";
import { byId } from "./element.js";
import { startOwnDefaults } from "./own_defaults.js";
import { markParameters } from "./parameter_marks.js";
import { restore, snapshot } from "./parameters.js";
import { isKept, saveHead } from "./store.js";

let drawn = ""; // what the boxes held when they were drawn or read last
let drawing = false;

const told = () => JSON.stringify([byId("chat-system").value, snapshot("chat")]);

// `shown` gives the conversation.
export function startSettings(shown) {
  startOwnDefaults();
  const changed = () => {
    if (drawing || !shown() || told() === drawn) return;
    drawn = told();
    const conversation = shown();
    Object.assign(conversation, { system: byId("chat-system").value, options: snapshot("chat") });
    if (isKept(conversation.id)) saveHead(conversation);
    else keepFresh(conversation);
  };
  byId("chat-system").addEventListener("input", changed);
  byId("chat-parameters").addEventListener("westlake:parameters", changed);
}

// What a person is writing is not taken from under their hands.
export function showSettings({ system, options }, anew = true) {
  if (!anew && byId("chat-parameters").contains(document.activeElement)) return;
  drawing = true;
  if (byId("chat-system").value !== system) byId("chat-system").value = system;
  const now = snapshot("chat");
  const same = Object.keys({ ...now, ...options }).every((name) => now[name] === options[name]);
  if (!same) restore("chat", options);
  markParameters("chat");
  drawn = told();
  drawing = false;
}
