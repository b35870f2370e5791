// The API key: dialog, validation, storage (this visit or longer) and access for requests.

import { bootstrap, t } from "./bootstrap.js";
import { byId } from "./element.js";

const STORAGE_KEY = "westlake:key";
let key = "";

export const apiKey = () => key;

export const isKeyMissing = () => bootstrap.keyed && key === "";

export function openKeyDialog() {
  byId("key-value").value = key;
  showError(null);
  if (!byId("key").open) byId("key").showModal();
}

// True if no key is needed or one is known; otherwise opens the dialog and waits for it.
export async function ensureKey() {
  if (!isKeyMissing()) return true;
  openKeyDialog();
  await new Promise((resolve) => {
    byId("key").addEventListener("close", resolve, { once: true });
  });
  return key !== "";
}

export function startApiKey() {
  const remembered = read(() => localStorage);
  key = read(() => sessionStorage) || remembered;
  byId("key-remember").checked = remembered !== "";
  for (const id of ["key-open", "key-enter"]) byId(id).addEventListener("click", openKeyDialog);
  byId("key-value").form.addEventListener("submit", save);
  byId("key").addEventListener("close", () => (byId("key-value").value = ""));
  updateButtons();
}

async function save(event) {
  event.preventDefault();
  const value = byId("key-value").value.trim();
  byId("key-save").disabled = true;
  const error = value ? await checkKey(value) : null;
  byId("key-save").disabled = false;
  showError(error);
  if (error) {
    byId("key-value").focus();
    return;
  }
  saveKey(value);
  byId("key").close("save");
  dispatchEvent(new Event("westlake:key"));
}

// Why a key is rejected, or null. A server that is busy or loading has accepted it.
async function checkKey(value) {
  if (!/^[\x21-\x7e]+$/.test(value)) return "wrong_key"; // not allowed in a header
  try {
    const headers = { Authorization: `Bearer ${value}` };
    const { status } = await fetch(`${bootstrap.root}/v1/models`, { headers });
    return status === 401 ? "wrong_key" : null;
  } catch {
    return "network";
  }
}

function showError(error) {
  byId("key-error").textContent = error ? t(`error_${error}`) : "";
  byId("key-error").hidden = !error;
  if (error) byId("key-value").setAttribute("aria-invalid", "true");
  else byId("key-value").removeAttribute("aria-invalid");
}

function saveKey(value) {
  key = value;
  write(() => sessionStorage, value);
  write(() => localStorage, byId("key-remember").checked ? value : "");
  updateButtons();
}

function updateButtons() {
  byId("key-open").classList.toggle("set", key !== "");
  byId("key-needed").hidden = !isKeyMissing();
}

// Storage can be blocked; then the key lives as long as the page.
function read(storage) {
  try {
    return storage().getItem(STORAGE_KEY) ?? "";
  } catch {
    return "";
  }
}

function write(storage, value) {
  try {
    if (value) storage().setItem(STORAGE_KEY, value);
    else storage().removeItem(STORAGE_KEY);
  } catch {
    // See above.
  }
}
