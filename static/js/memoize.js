// Memoizes a function that builds DOM nodes and returns clones: a streamed answer is rendered many
// times.
const MOST = 300;

// `build` returns a node, or null if it fails.
export function memoizeNodes(make) {
  const made = new Map();
  return (...given) => {
    const key = JSON.stringify(given);
    if (!made.has(key)) {
      if (made.size >= MOST) made.clear();
      made.set(key, make(...given));
    }
    return made.get(key)?.cloneNode(true) ?? null;
  };
}
