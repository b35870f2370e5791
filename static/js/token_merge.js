// Merges byte tokens into characters. The server writes such tokens as "bytes:\xe4\xbd".
const SPELLED = /^bytes:((?:\\x[0-9a-f]{2})+)$/;

// Returns [{text, logprob, top: [[text, logprob], …], parts}]. Incomplete characters wait for more
// tokens, unless `all` tokens are there.
export function mergeByteTokens(tokens, all) {
  const whole = [];
  for (let place = 0; place < tokens.length; ) {
    const found = bytesOf(tokens[place].token)
      ? character(tokens, place, all)
      : single(tokens[place]);
    if (found === null) break;
    whole.push(found);
    place += found.parts;
  }
  return whole;
}

function single({ token, logprob, top }) {
  const pairs = Object.entries(top ?? {}).sort((a, b) => b[1] - a[1]);
  return { text: token, logprob, top: pairs.map(([text, each]) => [text, each]), parts: 1 };
}

function character(tokens, start, all) {
  const bytes = [];
  let logprob = 0;
  for (let end = start; end < tokens.length; end += 1) {
    const own = bytesOf(tokens[end].token);
    if (!own) return asItIs(tokens[start]);
    bytes.push(...own);
    logprob += tokens[end].logprob;
    const text = decoded(bytes);
    if (text !== null) return { text, logprob, top: [[text, logprob]], parts: end - start + 1 };
    if (bytes.length > 4) return asItIs(tokens[start]);
  }
  return all ? asItIs(tokens[start]) : null;
}

const asItIs = (token) => ({ ...single(token), text: "\ufffd" });

function bytesOf(token) {
  const found = SPELLED.exec(token);
  return found
    ? found[1]
        .slice(2)
        .split("\\x")
        .map((digits) => parseInt(digits, 16))
    : null;
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    return null;
  }
}
