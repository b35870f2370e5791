// Estimates a text's tokens: one per CJK character, one per four other characters.
const WIDE = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]/g;
const LETTERS = 4;

export function estimateTokens(text) {
  const wide = text.match(WIDE)?.length ?? 0;
  return Math.ceil(wide + (text.length - wide) / LETTERS);
}
