// Statistics of a streamed answer: time to first token, tokens per second, finish reason.
import { formatFixed, formatNumber, t } from "./bootstrap.js";

// Shorter intervals say nothing about speed.
const MIN_SECONDS = 0.05;

export class StreamStats {
  #start = performance.now();
  #first = null;
  #last = null;
  #chunks = 0;
  #previous;

  // `previous` are the statistics of an answer that is being continued.
  constructor(previous = null) {
    this.#previous = previous;
  }

  addChunk() {
    this.#last = performance.now();
    this.#first ??= this.#last;
    this.#chunks += 1;
  }

  // The statistics so far; until the server reports usage, chunks count as tokens.
  snapshot(tokens = null, finish = null) {
    const tokenCount = tokens ?? this.#chunks;
    const seconds = (this.#last - this.#first) / 1000;
    const current = {
      tokens: tokenCount,
      exact: tokens !== null,
      perSecond: tokenCount > 1 && seconds >= MIN_SECONDS ? (tokenCount - 1) / seconds : null,
      first: this.#first === null ? null : (this.#first - this.#start) / 1000,
      finish,
    };
    return this.#previous ? combine(this.#previous, current) : current;
  }
}

// Combines the statistics of an answer and its continuation.
function combine(previous, current) {
  const withSpeed = [previous, current].filter(({ perSecond }) => perSecond !== null);
  const tokenCount = withSpeed.reduce((sum, { tokens }) => sum + tokens - 1, 0);
  const seconds = withSpeed.reduce(
    (sum, { tokens, perSecond }) => sum + (tokens - 1) / perSecond,
    0,
  );
  return {
    tokens: previous.tokens + current.tokens,
    exact: previous.exact && current.exact,
    perSecond: seconds > 0 ? tokenCount / seconds : null,
    first: previous.first ?? current.first,
    finish: current.finish,
  };
}

// For example "12 tokens · 8.3 tokens/s · first token 0.41 s · finished".
export function formatStats({ tokens, exact, perSecond, first, finish }) {
  const parts = [(exact ? "" : "~") + t("tokens", { count: formatNumber(tokens) })];
  if (perSecond !== null) parts.push(t("per_second", { number: formatFixed(perSecond, 1) }));
  if (first !== null) parts.push(t("first_token", { seconds: formatFixed(first, 2) }));
  if (finish !== null) parts.push(t(`finish_${finish}`));
  return parts.join(" \u00b7 ");
}
