// How alike vectors of length 1 are, each with each.
// Knows nothing about texts.
export function cosineSimilarities(vectors) {
  return vectors.map((a) =>
    vectors.map((b) => a.reduce((sum, value, place) => sum + value * b[place], 0)),
  );
}

// The smallest and the largest likeness of different vectors; a vector's own is always 1.
export function similarityRange(likeness) {
  const others = likeness.flatMap((row, i) => row.filter((_, j) => i !== j));
  return { low: Math.min(...others), high: Math.max(...others) };
}
