// The user's defaults for new chats (system prompt and parameters), in localStorage.

import { t } from "./bootstrap.js";
import { byId, element } from "./element.js";
import { announce } from "./notices.js";
import { readParameters } from "./parameters.js";

const STORAGE_KEY = "westlake:defaults";

// {system, options}; empty if nothing was saved.
export function savedDefaults() {
  try {
    const { system, options } = JSON.parse(localStorage.getItem(STORAGE_KEY));
    const entries = Object.entries(options).filter(([, text]) => typeof text === "string");
    return { system: String(system), options: Object.fromEntries(entries) };
  } catch {
    return { system: "", options: {} };
  }
}

// Adds the button that saves the current settings as defaults.
export function startSavedDefaults() {
  const save = () => {
    try {
      const settings = { system: byId("chat-system").value, options: readParameters("chat") };
      localStorage.setItem(STORAGE_KEY, JSON.stringify(settings));
      announce(t("defaults_saved"));
    } catch {
      announce(t("defaults_not_saved"));
    }
  };
  const button = element(
    "button",
    { type: "button", class: "outlined", id: "keep-defaults", onclick: save },
    t("save_defaults"),
  );
  byId("chat-parameters").append(button);
}
