// The system prompt and parameters of the current conversation, saved with it on every change.

import { isSaved, saveHead } from "./conversation_store.js";
import { saveBlankConversation } from "./drafts.js";
import { byId } from "./element.js";
import { updateParameterBadge } from "./parameter_badges.js";
import { readParameters, writeParameters } from "./parameters.js";
import { startSavedDefaults } from "./saved_defaults.js";

let lastValues = ""; // the values last drawn or read
let drawing = false;

const currentValues = () => JSON.stringify([byId("chat-system").value, readParameters("chat")]);

// `current` returns the current conversation.
export function startSettings(current) {
  startSavedDefaults();
  const changed = () => {
    if (drawing || !current() || currentValues() === lastValues) return;
    lastValues = currentValues();
    const conversation = current();
    Object.assign(conversation, {
      system: byId("chat-system").value,
      options: readParameters("chat"),
    });
    if (isSaved(conversation.id)) saveHead(conversation);
    else saveBlankConversation(conversation);
  };
  byId("chat-system").addEventListener("input", changed);
  byId("chat-parameters").addEventListener("westlake:parameters", changed);
}

// Does not overwrite a field that the user is editing.
export function showSettings({ system, options }, force = true) {
  if (!force && byId("chat-parameters").contains(document.activeElement)) return;
  drawing = true;
  if (byId("chat-system").value !== system) byId("chat-system").value = system;
  const now = readParameters("chat");
  const same = Object.keys({ ...now, ...options }).every((name) => now[name] === options[name]);
  if (!same) writeParameters("chat", options);
  updateParameterBadge("chat");
  lastValues = currentValues();
  drawing = false;
}
