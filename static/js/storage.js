// Strings in localStorage. Values that cannot be written (storage full or blocked) are kept in
// memory until the page is left.
const fallback = new Map();
let recordedValues = null; // previous values while recordChanges() runs
let onFailure = () => {};

// `listener(isBlocked)` is called when a value could not be written.
export function onWriteError(listener) {
  onFailure = listener;
}

export function keys(prefix) {
  return [...new Set([...storedKeys(), ...fallback.keys()])].filter((key) =>
    key.startsWith(prefix),
  );
}

export function read(key) {
  if (fallback.has(key)) return fallback.get(key);
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

// `text` null removes the key.
export function write(key, text) {
  if (recordedValues && !recordedValues.has(key)) recordedValues.set(key, read(key));
  fallback.delete(key);
  try {
    if (text === null) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch (error) {
    if (text === null) return; // nothing to remove
    fallback.set(key, text);
    onFailure(error.name === "SecurityError");
  }
}

// Retries failed writes.
export function retryFailedWrites() {
  for (const [key, text] of [...fallback]) write(key, text);
}

// Runs `change` and returns the previous values as [key, text] pairs.
export function recordChanges(change) {
  recordedValues = new Map();
  try {
    change();
    return [...recordedValues];
  } finally {
    recordedValues = null;
  }
}

// Calls `listener` with the keys that other windows changed, batched; null if all were cleared.
export function onChange(prefix, listener) {
  let changedKeys = null;
  addEventListener("storage", ({ key, storageArea }) => {
    if (storageArea !== localStorage || !(key === null || key.startsWith(prefix))) return;
    if (!changedKeys) {
      changedKeys = new Set();
      setTimeout(() => {
        listener(changedKeys.has(null) ? null : [...changedKeys]);
        changedKeys = null;
      });
    }
    changedKeys.add(key);
  });
}

function storedKeys() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}
