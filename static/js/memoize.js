// Makes elements once for what they are made of, and gives copies of them after that: an answer that
// grows is drawn over and over. Knows nothing about what the elements are.
const MOST = 300;

// `make` gives a node, or null where none can be made.
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
