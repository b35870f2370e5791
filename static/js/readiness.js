// The line under the bar that says when the model cannot answer yet, or any more.
// Knows nothing about why.
import { byId } from "./element.js";
import { given, say } from "./given.js";

const PAUSE_MS = 1500;

export function startReadiness() {
  if (byId("state").dataset.state !== "ready") setTimeout(look, PAUSE_MS);
}

async function look() {
  const line = byId("state");
  try {
    const response = await fetch(`${given.root}/ready`);
    const { status } = await response.json();
    line.hidden = response.ok;
    if (response.ok) {
      dispatchEvent(new Event("westlake:ready"));
      return;
    }
    line.textContent = say(`state_${status}`);
  } catch {
    line.textContent = say("no_network");
  }
  setTimeout(look, PAUSE_MS);
}
