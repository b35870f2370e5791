// Conversations as files: JSON to come back with, Markdown to read elsewhere.
// Knows nothing about where they are kept.
import { checked } from "./conversation_check.js";
import { say, Told } from "./given.js";
import { path } from "./tree.js";

const FORMAT = "westlake-conversations";
const MOST_BYTES = 20_000_000;

export function toJson(conversations) {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
}

// The conversations in a file. Throws Told, which says what is wrong.
export async function fromFile(file) {
  if (file.size > MOST_BYTES) throw new Told(say("import_large"));
  let value;
  try {
    value = JSON.parse(await file.text());
  } catch {
    throw new Told(say("import_no_json"));
  }
  if (value?.format !== FORMAT || value.version !== 1 || !Array.isArray(value.conversations)) {
    throw new Told(say("import_other"));
  }
  try {
    return value.conversations.map(checked);
  } catch (error) {
    throw new Told(say("import_damaged", { what: say(error.message) }));
  }
}

export function toMarkdown(conversation) {
  const parts = [`# ${conversation.title}`];
  if (conversation.system.trim())
    parts.push(`> ${conversation.system.trim().replaceAll("\n", "\n> ")}`);
  for (const { role, content } of path(conversation)) {
    parts.push(`**${say(role === "user" ? "you" : "assistant")}**`, content);
  }
  return `${parts.join("\n\n")}\n`;
}

export function download(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
