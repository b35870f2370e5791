// Cosine similarities of unit vectors.
export function cosineSimilarities(vectors) {
  return vectors.map((a) =>
    vectors.map((b) => a.reduce((sum, value, index) => sum + value * b[index], 0)),
  );
}

// The range of similarities between different vectors; a vector's similarity to itself is 1.
export function similarityRange(similarities) {
  const others = similarities.flatMap((row, i) => row.filter((_, j) => i !== j));
  return { min: Math.min(...others), max: Math.max(...others) };
}
