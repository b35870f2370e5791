// Saves the embeddings tab's texts across page reloads, in sessionStorage.
const NAME = "westlake:embeddings";
const MOST_CHARACTERS = 1_000_000;

export function saveTexts(texts) {
  try {
    if (texts && texts.length < MOST_CHARACTERS) sessionStorage.setItem(NAME, texts);
    else sessionStorage.removeItem(NAME);
  } catch {
    // Storage can be full or blocked; then nothing is saved.
  }
}

export function loadTexts() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}
