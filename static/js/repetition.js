// Detects repetition at the end of a text: eight equal lines or sentences, eight equal groups of up
// to four, or a phrase of up to 100 characters eight times.
const REPETITIONS = 8;
const MAX_GROUP_LINES = 4; // lines per group
const READ_CHARACTERS = 4000; // characters read from the end
const MAX_PHRASE_CHARACTERS = 100; // characters of a repeated phrase
const LETTERS = /[\p{L}\p{N}][^\p{L}\p{N}]*[\p{L}\p{N}]/u; // punctuation alone may repeat
const MIN_LETTERS = 3; // and so may "000" and "haha"

export function isRepetitive(text) {
  const tail = text.slice(-READ_CHARACTERS);
  return hasRepeatedLines(tail) || hasRepeatedPhrase(tail);
}

function hasRepeatedLines(text) {
  const lines = text.split(/\n|(?<=[.!?]\s)|(?<=[\u3002\uff01\uff1f])/);
  const finishedLines = lines
    .slice(0, -1)
    .map((line) => line.trim())
    .filter((line) => line);
  for (let size = 1; size <= MAX_GROUP_LINES; size += 1) {
    const last = finishedLines.slice(-size * REPETITIONS);
    const isRepeated =
      last.length === size * REPETITIONS &&
      last.every((line, index) => line === last[index % size]);
    if (isRepeated && LETTERS.test(last.slice(0, size).join(" "))) return true;
  }
  return false;
}

function hasRepeatedPhrase(text) {
  for (let size = MIN_LETTERS; size <= MAX_PHRASE_CHARACTERS; size += 1) {
    const phrase = text.slice(-size);
    if (
      text.endsWith(phrase.repeat(REPETITIONS)) &&
      new Set(phrase.match(/\p{L}/gu)).size >= MIN_LETTERS
    )
      return true;
  }
  return false;
}
