// The API key: asked for, kept for this visit or for longer, and sent along.
// Knows nothing about which requests need one.
import { byId } from "./element.js";

const NAME = "westlake:key";
let key = "";

export const apiKey = () => key;

export function openKey() {
  byId("key-value").value = key;
  byId("key").showModal();
}

export function startKey() {
  const remembered = read(() => localStorage);
  key = read(() => sessionStorage) || remembered;
  byId("key-remember").checked = remembered !== "";
  byId("key-open").addEventListener("click", openKey);
  byId("key").addEventListener("close", () => {
    if (byId("key").returnValue === "save") keep(byId("key-value").value.trim());
    byId("key-value").value = "";
  });
  mark();
}

function keep(value) {
  key = value;
  write(() => sessionStorage, value);
  write(() => localStorage, byId("key-remember").checked ? value : "");
  mark();
  dispatchEvent(new Event("westlake:key"));
}

function mark() {
  byId("key-open").classList.toggle("set", key !== "");
}

// Both storages can be forbidden; then the key lives as long as the page.
function read(storage) {
  try {
    return storage().getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function write(storage, value) {
  try {
    if (value) storage().setItem(NAME, value);
    else storage().removeItem(NAME);
  } catch {
    // See above.
  }
}
