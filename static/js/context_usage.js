// A conversation's token count: the server's count of the last answer while nothing before it has
// changed, plus an estimate for what follows.

import { activePath } from "./conversation_tree.js";
import { estimateTokens } from "./token_estimate.js";

// The server's count as saved with an answer, with the number of characters for which it is valid.
export const countedUsage = (conversation, node, tokens) => ({
  tokens,
  letters: characterCount(conversation, activePath(conversation, node.id)),
});

// {tokens, isEstimate}; tokens is null for an empty conversation.
export function contextUsage(conversation) {
  const turns = activePath(conversation);
  const isValid = ({ usage }, index) =>
    usage && usage.letters === characterCount(conversation, turns.slice(0, index + 1));
  const last = turns.findLastIndex(isValid);
  const uncounted = turns.slice(last + 1).map(({ content }) => content);
  const countedTokens = last < 0 ? estimateTokens(conversation.system) : turns[last].usage.tokens;
  const tokens = uncounted.reduce((sum, text) => sum + estimateTokens(text), countedTokens);
  return { tokens: turns.length ? tokens : null, isEstimate: uncounted.length > 0 };
}

const characterCount = ({ system }, turns) =>
  turns.reduce((sum, { content }) => sum + content.length, system.length);
