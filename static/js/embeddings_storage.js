// Saves the embeddings tab's texts across page reloads, in sessionStorage.
const STORAGE_KEY = "westlake:embeddings";
const MAX_CHARACTERS = 1_000_000;

export function saveTexts(texts) {
  try {
    if (texts && texts.length < MAX_CHARACTERS) sessionStorage.setItem(STORAGE_KEY, texts);
    else sessionStorage.removeItem(STORAGE_KEY);
  } catch {
    // Storage can be full or blocked; then nothing is saved.
  }
}

export function loadTexts() {
  try {
    return sessionStorage.getItem(STORAGE_KEY) ?? "";
  } catch {
    return "";
  }
}
