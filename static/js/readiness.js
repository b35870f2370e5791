// The status line under the header while the model is not ready.

import { bootstrap, t } from "./bootstrap.js";
import { byId } from "./element.js";

const INTERVAL_MS = 1500;
let isPolling = false;

export function startReadiness() {
  if (byId("state").dataset.state !== "ready") pollReadiness();
}

// Polls until the model is ready, then dispatches "westlake:ready".
export function pollReadiness() {
  if (isPolling) return;
  isPolling = true;
  setTimeout(poll, INTERVAL_MS);
}

async function poll() {
  const state = await fetchState();
  const line = byId("state");
  const changed = line.dataset.state !== state;
  line.dataset.state = state;
  line.hidden = state === "ready";
  if (state === "ready") {
    isPolling = false;
    dispatchEvent(new Event("westlake:ready"));
    return;
  }
  if (changed) line.textContent = t(`state_${state}`);
  setTimeout(poll, INTERVAL_MS);
}

export async function fetchState() {
  try {
    const response = await fetch(`${bootstrap.root}/ready`);
    return response.ok ? "ready" : (await response.json()).status;
  } catch {
    return "unreachable";
  }
}
