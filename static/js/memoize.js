// Memoizes a function that builds DOM nodes and returns clones: a streamed answer is rendered many
// times.
const MAX_ENTRIES = 300;

// `build` returns a node, or null if it fails.
export function memoizeNodes(build) {
  const cache = new Map();
  return (...args) => {
    const key = JSON.stringify(args);
    if (!cache.has(key)) {
      if (cache.size >= MAX_ENTRIES) cache.clear();
      cache.set(key, build(...args));
    }
    return cache.get(key)?.cloneNode(true) ?? null;
  };
}
