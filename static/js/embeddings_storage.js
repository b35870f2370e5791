// Keeps the texts of the embeddings tab while the page is reloaded, for this tab only.
// Knows nothing about vectors.
const NAME = "westlake:embeddings";
const MOST_CHARACTERS = 1_000_000;

export function saveTexts(texts) {
  try {
    if (texts && texts.length < MOST_CHARACTERS) sessionStorage.setItem(NAME, texts);
    else sessionStorage.removeItem(NAME);
  } catch {
    // Storage can be full or forbidden; then nothing is kept.
  }
}

export function loadTexts() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}
