// The completion tab: one prompt, its answers, and the probability of each token.

import { buildRequest } from "./api_request.js";
import { bootstrap, formatNumber, t } from "./bootstrap.js";
import { openCodeDialog } from "./code_dialog.js";
import { CompletionAnswers } from "./completion_answers.js";
import { restoreCompletion, saveCompletion } from "./completion_storage.js";
import { byId } from "./element.js";
import { startExactPrompt } from "./exact_prompt.js";
import { streamGeneration } from "./generation_stream.js";
import { selectedModel } from "./models.js";
import { announce, clearFailure, showFailure } from "./notices.js";
import { requestOptions } from "./parameters.js";
import { checkRepetition, resetRepetition } from "./repetition_notice.js";
import { isSendKey } from "./send_key.js";
import { StreamStats } from "./stream_stats.js";

const ALTERNATIVES = 5;
let controller = null;
let answers = null; // on the page

export function startCompletion() {
  const box = byId("completion-prompt");
  box.form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  box.addEventListener("keydown", (event) => {
    // A prompt may have several lines, so Enter alone is a line break.
    if (!isSendKey(event) || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  byId("completion").addEventListener("click", ({ target }) => {
    if (target.dataset.example !== "completion") return;
    setTemplate(target.dataset.template);
    setPrompt(target.textContent);
    run();
  });
  byId("completion-stop-button").addEventListener("click", () => controller?.abort());
  byId("completion-code").addEventListener("click", () => openCodeDialog(pendingRequest()));
  addEventListener("pagehide", () => {
    controller?.abort();
    saveCompletion(answers);
  });
  answers = restoreCompletion(continueFrom);
  startExactPrompt(prompt);
}

// The prompt fields of the request; the exact-prompt view uses them too.
function prompt() {
  const raw = byId("completion").querySelector("[name=prompt_template]:checked").value;
  return { prompt: byId("completion-prompt").value, prompt_template: raw };
}

// Sets the prompt template: "alpaca" (instruction) or "none" (raw text).
function setTemplate(template) {
  byId("completion").querySelector(`[name=prompt_template][value=${template}]`).checked = true;
}

// An empty prompt is replaced by the first example.
function orExample(fields) {
  if (fields.prompt) return fields;
  const example = byId("completion").querySelector("[data-example]");
  return { prompt: example.textContent, prompt_template: example.dataset.template };
}

function pendingRequest(fields = orExample(prompt())) {
  const options = requestOptions("completion");
  const beams = options.num_beams > 1;
  const logprobs = byId("completion-logprobs").checked && !beams ? { logprobs: ALTERNATIVES } : {};
  return buildRequest(
    "/v1/completions",
    { model: selectedModel(), ...fields, max_tokens: bootstrap.maxTokens, ...options, ...logprobs },
    true,
  );
}

// Continues from the text so far as the new prompt.
function continueFrom(text) {
  if (controller) return;
  setPrompt(text);
  run();
}

function setPrompt(text) {
  const box = byId("completion-prompt");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

async function run() {
  if (controller || !byId("completion-prompt").value) return;
  clearFailure("completion");
  controller = new AbortController();
  const request = pendingRequest();
  answers = new CompletionAnswers(byId("completion-answer"), request, continueFrom);
  setBusy(true);
  const stats = new StreamStats();
  announce(t("generating"));
  try {
    await stream(request, stats);
  } catch (error) {
    const stopped = error.name === "AbortError";
    if (!stopped) showFailure("completion", error, run);
    announce(stopped ? t("stopped") : "");
    answers.end(stats.snapshot(null, stopped ? "stopped" : null));
  }
  controller = null;
  resetRepetition("completion");
  setBusy(false);
}

async function stream(request, stats) {
  let usage = null;
  for await (const event of streamGeneration(request.path, request.body, controller.signal)) {
    if (event.waiting) answers.setState(t("queued", { count: formatNumber(event.waiting) }));
    if (event.of)
      answers.setState(
        t("reading", { done: formatNumber(event.read), of: formatNumber(event.of) }),
      );
    if (event.text !== undefined) {
      stats.addChunk();
      answers.write(event, stats);
      checkRepetition("completion", answers.firstText);
    }
    if (event.finish) answers.finish(event);
    usage = event.usage ?? usage;
  }
  answers.end(stats.snapshot(usage?.completion_tokens ?? null));
  announce(t("done", { count: formatNumber(usage?.completion_tokens ?? 0) }));
}

function setBusy(isBusy) {
  byId("completion-send").hidden = isBusy;
  byId("completion-stop-button").hidden = !isBusy;
  if (document.activeElement === document.body)
    byId(isBusy ? "completion-stop-button" : "completion-send").focus();
}
