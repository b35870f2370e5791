// Saves the completion tab's state across page reloads, in sessionStorage.
import { CompletionAnswers } from "./completion_answers.js";
import { byId } from "./element.js";
import { readParameters, writeParameters } from "./parameters.js";

const NAME = "westlake:completion";
const MOST_CHARACTERS = 1_500_000;

const mode = (value) => byId("completion").querySelector(`[name=prompt_template]${value}`);

export function saveCompletion(answers) {
  const prompt = byId("completion-prompt").value;
  const about = {
    prompt,
    mode: mode(":checked").value,
    scored: byId("completion-logprobs").checked,
  };
  const kept = { ...about, options: readParameters("completion") };
  const whole = JSON.stringify({ ...kept, answers: answers?.kept() ?? null });
  try {
    sessionStorage.setItem(NAME, whole.length < MOST_CHARACTERS ? whole : JSON.stringify(kept));
  } catch {
    // Storage can be full or blocked; then nothing is saved.
  }
}

// Restores the saved state; returns its answers, or null.
export function restoreCompletion(goOn) {
  const kept = read();
  // Content rendered by the server, after a form without scripts, is newer.
  if (!kept || byId("completion-prompt").value || byId("completion-answer").childElementCount)
    return null;
  byId("completion-prompt").value = kept.prompt;
  mode(`[value="${kept.mode === "none" ? "none" : "alpaca"}"]`).checked = true;
  byId("completion-logprobs").checked = kept.scored;
  writeParameters("completion", kept.options);
  if (!kept.answers?.speed) return null;
  const { fields, answers, speed } = kept.answers;
  const drawn = new CompletionAnswers(byId("completion-answer"), { fields }, goOn);
  for (const [index, answer] of answers.entries()) drawn.take(index, answer);
  drawn.end(speed);
  return drawn;
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(NAME));
  } catch {
    return null;
  }
}
