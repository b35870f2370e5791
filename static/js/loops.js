// Whether a text goes round in circles: its last eight lines or sentences are the same, or its last
// eight groups of up to four. Knows nothing about who writes it.
const ROUNDS = 8;
const LONGEST = 4; // lines of a group
const READ = 4000; // characters from the end
const LETTERS = /[\p{L}\p{N}][^\p{L}\p{N}]*[\p{L}\p{N}]/u; // brackets alone may well be repeated

export function loops(text) {
  const lines = text.slice(-READ).split(/\n|(?<=[.!?]\s)|(?<=[\u3002\uff01\uff1f])/);
  const ended = lines.slice(0, -1).map((line) => line.trim()).filter((line) => line);
  for (let size = 1; size <= LONGEST; size += 1) {
    const last = ended.slice(-size * ROUNDS);
    const round = last.length === size * ROUNDS && last.every((line, place) => line === last[place % size]);
    if (round && LETTERS.test(last.slice(0, size).join(" "))) return true;
  }
  return false;
}
