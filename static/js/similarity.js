// Cosine similarities of unit vectors.
export function cosineSimilarities(vectors) {
  return vectors.map((a) =>
    vectors.map((b) => a.reduce((sum, value, place) => sum + value * b[place], 0)),
  );
}

// The range of similarities between different vectors; a vector's similarity to itself is 1.
export function similarityRange(likeness) {
  const others = likeness.flatMap((row, i) => row.filter((_, j) => i !== j));
  return { low: Math.min(...others), high: Math.max(...others) };
}
