// Conversations as files: JSON for export and import, Markdown for reading.

import { t, UserError } from "./bootstrap.js";
import { activePath } from "./conversation_tree.js";
import { validateConversation } from "./conversation_validation.js";

const AUTHORS = { user: "you", assistant: "assistant" };
const FORMAT = "westlake-conversations";
const MAX_BYTES = 20_000_000;

export function toJson(conversations) {
  return JSON.stringify({ format: FORMAT, version: 1, conversations }, null, 1);
}

// Reads an exported file. Throws UserError if it is invalid.
export async function parseConversationFile(file) {
  if (file.size > MAX_BYTES) throw new UserError(t("import_large"));
  let value;
  try {
    value = JSON.parse(await file.text());
  } catch {
    throw new UserError(t("import_no_json"));
  }
  if (value?.format !== FORMAT || value.version !== 1 || !Array.isArray(value.conversations)) {
    throw new UserError(t("import_other"));
  }
  try {
    return value.conversations.map(validateConversation);
  } catch (error) {
    throw new UserError(t("import_damaged", { what: t(error.message) }));
  }
}

export function toMarkdown(conversation) {
  const parts = [`# ${conversation.title}`];
  if (conversation.system.trim())
    parts.push(`> ${conversation.system.trim().replaceAll("\n", "\n> ")}`);
  for (const { role, content, calls = [], call } of activePath(conversation)) {
    const author = role === "tool" ? t("result_of", { name: call.name }) : t(AUTHORS[role]);
    const fenced = calls.map(({ name, arguments: text }) => `\`${name}(${text})\``);
    parts.push(`**${author}**`, ...[content, ...fenced].filter((part) => part));
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
