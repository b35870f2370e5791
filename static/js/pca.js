// Principal component analysis in two dimensions, by power iteration on the Gram matrix: there are
// few texts and many dimensions.

const ITERATIONS = 200;

// Returns {points: [[x, y], …], explained: [ratio, ratio]} for three or more vectors.
export function principalComponents(vectors) {
  const size = vectors[0].length;
  const mean = Array.from(
    { length: size },
    (_, k) => vectors.reduce((sum, v) => sum + v[k], 0) / vectors.length,
  );
  const centered = vectors.map((v) => v.map((value, k) => value - mean[k]));
  const gram = centered.map((a) =>
    centered.map((b) => a.reduce((sum, value, k) => sum + value * b[k], 0)),
  );
  const total = gram.reduce((sum, row, i) => sum + row[i], 0);
  const axes = [0, 1].map((axis) => {
    const { value, vector } = dominantEigenvector(gram, axis);
    for (const [i, row] of gram.entries()) {
      for (const j of row.keys()) row[j] -= value * vector[i] * vector[j];
    }
    return { value, vector };
  });
  return {
    points: vectors.map((_, i) =>
      axes.map(({ value, vector }) => vector[i] * Math.sqrt(Math.max(0, value))),
    ),
    explained: axes.map(({ value }) => (total > 0 ? Math.max(0, value) / total : 0)),
  };
}

function dominantEigenvector(matrix, axis) {
  // A fixed start vector, so that the same texts give the same picture.
  let vector = unit(matrix.map((_, i) => Math.sin(i * 1.7 + axis + 1)));
  let value = 0;
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    const next = matrix.map((row) => row.reduce((sum, each, j) => sum + each * vector[j], 0));
    value = next.reduce((sum, each, i) => sum + each * vector[i], 0);
    if (Math.hypot(...next) < 1e-12) break;
    vector = unit(next);
  }
  return { value, vector };
}

function unit(vector) {
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}
