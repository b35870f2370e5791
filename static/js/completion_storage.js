// Saves the completion tab's state across page reloads, in sessionStorage.
import { CompletionAnswers } from "./completion_answers.js";
import { byId } from "./element.js";
import { readParameters, writeParameters } from "./parameters.js";

const STORAGE_KEY = "westlake:completion";
const MAX_CHARACTERS = 1_500_000;

const templateInput = (value) => byId("completion").querySelector(`[name=prompt_template]${value}`);

export function saveCompletion(answers) {
  const prompt = byId("completion-prompt").value;
  const fields = {
    prompt,
    mode: templateInput(":checked").value,
    scored: byId("completion-logprobs").checked,
  };
  const state = { ...fields, options: readParameters("completion") };
  const json = JSON.stringify({ ...state, answers: answers?.getState() ?? null });
  try {
    sessionStorage.setItem(
      STORAGE_KEY,
      json.length < MAX_CHARACTERS ? json : JSON.stringify(state),
    );
  } catch {
    // Storage can be full or blocked; then nothing is saved.
  }
}

// Restores the saved state; returns its answers, or null.
export function restoreCompletion(continueFrom) {
  const state = loadState();
  // Content rendered by the server, after a form without scripts, is newer.
  if (!state || byId("completion-prompt").value || byId("completion-answer").childElementCount)
    return null;
  byId("completion-prompt").value = state.prompt;
  templateInput(`[value="${state.mode === "none" ? "none" : "alpaca"}"]`).checked = true;
  byId("completion-logprobs").checked = state.scored;
  writeParameters("completion", state.options);
  if (!state.answers?.speed) return null;
  const { fields, answers, speed } = state.answers;
  const completionAnswers = new CompletionAnswers(
    byId("completion-answer"),
    { fields },
    continueFrom,
  );
  for (const [index, answer] of answers.entries()) completionAnswers.restoreAnswer(index, answer);
  completionAnswers.end(speed);
  return completionAnswers;
}

function loadState() {
  try {
    return JSON.parse(sessionStorage.getItem(STORAGE_KEY));
  } catch {
    return null;
  }
}
