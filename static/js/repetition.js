// Detects repetition at the end of a text: eight equal lines or sentences, eight equal groups of up
// to four, or a phrase of up to 100 characters eight times.
const ROUNDS = 8;
const LONGEST = 4; // lines per group
const READ = 4000; // characters read from the end
const PERIOD = 100; // characters of a repeated phrase
const LETTERS = /[\p{L}\p{N}][^\p{L}\p{N}]*[\p{L}\p{N}]/u; // punctuation alone may repeat
const LEAST_LETTERS = 3; // and so may "000" and "haha"

export function isRepetitive(text) {
  const end = text.slice(-READ);
  return linesRepeat(end) || wordsRepeat(end);
}

function linesRepeat(text) {
  const lines = text.split(/\n|(?<=[.!?]\s)|(?<=[\u3002\uff01\uff1f])/);
  const ended = lines
    .slice(0, -1)
    .map((line) => line.trim())
    .filter((line) => line);
  for (let size = 1; size <= LONGEST; size += 1) {
    const last = ended.slice(-size * ROUNDS);
    const round =
      last.length === size * ROUNDS && last.every((line, place) => line === last[place % size]);
    if (round && LETTERS.test(last.slice(0, size).join(" "))) return true;
  }
  return false;
}

function wordsRepeat(text) {
  for (let size = LEAST_LETTERS; size <= PERIOD; size += 1) {
    const words = text.slice(-size);
    if (
      text.endsWith(words.repeat(ROUNDS)) &&
      new Set(words.match(/\p{L}/gu)).size >= LEAST_LETTERS
    )
      return true;
  }
  return false;
}
