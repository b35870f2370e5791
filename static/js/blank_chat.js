// Takes a conversation off the list in which nothing is left: no turn, no draft, no settings of its own.
// Knows nothing about lists, or about how it came to be empty.
import { draftOf, keepDraft } from "./drafts.js";
import { ownDefaults } from "./own_defaults.js";
import { forget, load } from "./store.js";

export function forgetBlank(id) {
  const kept = load(id);
  if (
    !kept ||
    kept.leaf !== null ||
    begun(draftOf(id)) ||
    settings(kept) !== settings(ownDefaults())
  )
    return;
  keepDraft(id, { reading: null });
  forget(id);
}

const begun = ({ text, queue }) => text !== "" || queue.length > 0;
const settings = ({ system, options }) => JSON.stringify([system, Object.entries(options).sort()]);
