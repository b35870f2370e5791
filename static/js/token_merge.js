// Merges byte tokens into characters. The server writes such tokens as "bytes:\xe4\xbd".
const BYTE_TOKEN = /^bytes:((?:\\x[0-9a-f]{2})+)$/;

// Returns [{text, logprob, top: [[text, logprob], …], parts}]. Incomplete characters wait for more
// tokens, unless `all` tokens are there.
export function mergeByteTokens(tokens, all) {
  const merged = [];
  for (let index = 0; index < tokens.length; ) {
    const token = bytesOfToken(tokens[index].token)
      ? fromBytes(tokens, index, all)
      : fromToken(tokens[index]);
    if (token === null) break;
    merged.push(token);
    index += token.parts;
  }
  return merged;
}

function fromToken({ token, logprob, top }) {
  const pairs = Object.entries(top ?? {}).sort((a, b) => b[1] - a[1]);
  return { text: token, logprob, top: pairs.map(([text, each]) => [text, each]), parts: 1 };
}

function fromBytes(tokens, start, all) {
  const bytes = [];
  let logprob = 0;
  for (let end = start; end < tokens.length; end += 1) {
    const tokenBytes = bytesOfToken(tokens[end].token);
    if (!tokenBytes) return replacementCharacter(tokens[start]);
    bytes.push(...tokenBytes);
    logprob += tokens[end].logprob;
    const text = decodeUtf8(bytes);
    if (text !== null) return { text, logprob, top: [[text, logprob]], parts: end - start + 1 };
    if (bytes.length > 4) return replacementCharacter(tokens[start]);
  }
  return all ? replacementCharacter(tokens[start]) : null;
}

const replacementCharacter = (token) => ({ ...fromToken(token), text: "\ufffd" });

function bytesOfToken(token) {
  const match = BYTE_TOKEN.exec(token);
  return match
    ? match[1]
        .slice(2)
        .split("\\x")
        .map((digits) => parseInt(digits, 16))
    : null;
}

function decodeUtf8(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes));
  } catch {
    return null;
  }
}
