// How many tokens a conversation is: as the server counted them with its last answer, where nothing up
// to there has changed since then; what follows is guessed. Knows nothing about where that is shown.

import { activePath } from "./conversation_tree.js";
import { estimateTokens } from "./token_estimate.js";

// What an answer's turn keeps of the server's count: of how many letters it is true.
export const countedUsage = (conversation, node, tokens) => ({
  tokens,
  letters: letters(conversation, activePath(conversation, node.id)),
});

// {tokens, about: some of them were guessed}; null tokens where nothing has been said.
export function contextUsage(conversation) {
  const turns = activePath(conversation);
  const holds = ({ usage }, place) =>
    usage && usage.letters === letters(conversation, turns.slice(0, place + 1));
  const last = turns.findLastIndex(holds);
  const rest = turns.slice(last + 1).map(({ content }) => content);
  const before = last < 0 ? estimateTokens(conversation.system) : turns[last].usage.tokens;
  const tokens = rest.reduce((sum, text) => sum + estimateTokens(text), before);
  return { tokens: turns.length ? tokens : null, about: rest.length > 0 };
}

const letters = ({ system }, turns) =>
  turns.reduce((sum, { content }) => sum + content.length, system.length);
