// Strings in localStorage. Values that cannot be written (storage full or blocked) are kept in
// memory until the page is left.
const beside = new Map();
let changes = null; // previous values while recordChanges() runs
let full = () => {};

// `listener(isBlocked)` is called when a value could not be written.
export function onWriteError(told) {
  full = told;
}

export function keys(prefix) {
  return [...new Set([...storedNames(), ...beside.keys()])].filter((name) =>
    name.startsWith(prefix),
  );
}

export function read(name) {
  if (beside.has(name)) return beside.get(name);
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

// `text` null removes the key.
export function write(name, text) {
  if (changes && !changes.has(name)) changes.set(name, read(name));
  beside.delete(name);
  try {
    if (text === null) localStorage.removeItem(name);
    else localStorage.setItem(name, text);
  } catch (error) {
    if (text === null) return; // nothing to remove
    beside.set(name, text);
    full(error.name === "SecurityError");
  }
}

// Retries failed writes.
export function retryFailedWrites() {
  for (const [name, text] of [...beside]) write(name, text);
}

// Runs `change` and returns the previous values as [key, text] pairs.
export function recordChanges(change) {
  changes = new Map();
  try {
    change();
    return [...changes];
  } finally {
    changes = null;
  }
}

// Calls `listener` with the keys that other windows changed, batched; null if all were cleared.
export function onChange(prefix, told) {
  let changed = null;
  addEventListener("storage", ({ key, storageArea }) => {
    if (storageArea !== localStorage || !(key === null || key.startsWith(prefix))) return;
    if (!changed) {
      changed = new Set();
      setTimeout(() => {
        told(changed.has(null) ? null : [...changed]);
        changed = null;
      });
    }
    changed.add(key);
  });
}

function storedNames() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}
