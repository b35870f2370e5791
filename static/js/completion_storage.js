// Keeps what stands in the completion tab while the page is reloaded, for this tab only.
// Knows nothing about requests.
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
    // Storage can be full or forbidden; then nothing is kept.
  }
}

// What was kept stands there again; its answers are returned, or null.
export function restoreCompletion(goOn) {
  const kept = read();
  // What the server has put into the page, as after a form without scripts, is newer.
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
