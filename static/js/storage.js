// Texts under names, kept in this browser for all of its windows.
// Knows nothing about what the texts say. What the browser has no room for, or forbids, lives here
// until the page is left, and is read like the rest.
const beside = new Map();
let changes = null; // each name's text before, while somebody may want to have it back
let full = () => {};

// `told` is called when a text could not be kept in the browser, with whether it is forbidden.
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

// `text` null: the name is to have none.
export function write(name, text) {
  if (changes && !changes.has(name)) changes.set(name, read(name));
  beside.delete(name);
  try {
    if (text === null) localStorage.removeItem(name);
    else localStorage.setItem(name, text);
  } catch (error) {
    if (text === null) return; // what could not be stored need not be removed
    beside.set(name, text);
    full(error.name === "SecurityError");
  }
}

// Tries again what there was no room for.
export function retryFailedWrites() {
  for (const [name, text] of [...beside]) write(name, text);
}

// Makes a change and returns, as [name, text] pairs, what was there before it.
export function recordChanges(change) {
  changes = new Map();
  try {
    change();
    return [...changes];
  } finally {
    changes = null;
  }
}

// Calls `told` with the names whose texts other windows have changed: all of a moment at once; null
// when everything has been taken away.
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
