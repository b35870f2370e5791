// Statistics of a streamed answer: time to first token, tokens per second, finish reason.
import { formatFixed, formatNumber, t } from "./bootstrap.js";

// Shorter intervals say nothing about speed.
const SHORTEST_S = 0.05;

export class StreamStats {
  #start = performance.now();
  #first = null;
  #last = null;
  #pieces = 0;
  #before;

  // `previous` are the statistics of an answer that is being continued.
  constructor(before = null) {
    this.#before = before;
  }

  tick() {
    this.#last = performance.now();
    this.#first ??= this.#last;
    this.#pieces += 1;
  }

  // The statistics so far; until the server reports usage, chunks count as tokens.
  read(tokens = null, finish = null) {
    const counted = tokens ?? this.#pieces;
    const seconds = (this.#last - this.#first) / 1000;
    const own = {
      tokens: counted,
      exact: tokens !== null,
      perSecond: counted > 1 && seconds >= SHORTEST_S ? (counted - 1) / seconds : null,
      first: this.#first === null ? null : (this.#first - this.#start) / 1000,
      finish,
    };
    return this.#before ? joined(this.#before, own) : own;
  }
}

// Combines the statistics of an answer and its continuation.
function joined(before, now) {
  const timed = [before, now].filter(({ perSecond }) => perSecond !== null);
  const counted = timed.reduce((sum, { tokens }) => sum + tokens - 1, 0);
  const seconds = timed.reduce((sum, { tokens, perSecond }) => sum + (tokens - 1) / perSecond, 0);
  return {
    tokens: before.tokens + now.tokens,
    exact: before.exact && now.exact,
    perSecond: seconds > 0 ? counted / seconds : null,
    first: before.first ?? now.first,
    finish: now.finish,
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
