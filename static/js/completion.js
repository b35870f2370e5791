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
    readAs(target.dataset.template);
    fill(target.textContent);
    run();
  });
  byId("completion-stop-button").addEventListener("click", () => controller?.abort());
  byId("completion-code").addEventListener("click", () => openCodeDialog(pending()));
  addEventListener("pagehide", () => {
    controller?.abort();
    saveCompletion(answers);
  });
  answers = restoreCompletion(goOn);
  startExactPrompt(prompt);
}

// The prompt fields of the request; the exact-prompt view uses them too.
function prompt() {
  const raw = byId("completion").querySelector("[name=prompt_template]:checked").value;
  return { prompt: byId("completion-prompt").value, prompt_template: raw };
}

// Sets the prompt template: "alpaca" (instruction) or "none" (raw text).
function readAs(template) {
  byId("completion").querySelector(`[name=prompt_template][value=${template}]`).checked = true;
}

// An empty prompt is replaced by the first example.
function filled(fields) {
  if (fields.prompt) return fields;
  const example = byId("completion").querySelector("[data-example]");
  return { prompt: example.textContent, prompt_template: example.dataset.template };
}

function pending(fields = filled(prompt())) {
  const own = requestOptions("completion");
  const beams = own.num_beams > 1;
  const scored = byId("completion-logprobs").checked && !beams ? { logprobs: ALTERNATIVES } : {};
  return buildRequest(
    "/v1/completions",
    { model: selectedModel(), ...fields, max_tokens: bootstrap.maxTokens, ...own, ...scored },
    true,
  );
}

// Continues from the text so far as the new prompt.
function goOn(text) {
  if (controller) return;
  fill(text);
  run();
}

function fill(text) {
  const box = byId("completion-prompt");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

async function run() {
  if (controller || !byId("completion-prompt").value) return;
  clearFailure("completion");
  controller = new AbortController();
  const asked = pending();
  answers = new CompletionAnswers(byId("completion-answer"), asked, goOn);
  busy(true);
  const watch = new StreamStats();
  announce(t("generating"));
  try {
    await listen(asked, watch);
  } catch (error) {
    const stopped = error.name === "AbortError";
    if (!stopped) showFailure("completion", error, run);
    announce(stopped ? t("stopped") : "");
    answers.end(watch.read(null, stopped ? "stopped" : null));
  }
  controller = null;
  resetRepetition("completion");
  busy(false);
}

async function listen(asked, watch) {
  let usage = null;
  for await (const news of streamGeneration(asked.path, asked.body, controller.signal)) {
    if (news.waiting) answers.state(t("queued", { count: formatNumber(news.waiting) }));
    if (news.of)
      answers.state(t("reading", { done: formatNumber(news.read), of: formatNumber(news.of) }));
    if (news.text !== undefined) {
      watch.tick();
      answers.write(news, watch);
      checkRepetition("completion", answers.first);
    }
    if (news.finish) answers.finish(news);
    usage = news.usage ?? usage;
  }
  answers.end(watch.read(usage?.completion_tokens ?? null));
  announce(t("done", { count: formatNumber(usage?.completion_tokens ?? 0) }));
}

function busy(now) {
  byId("completion-send").hidden = now;
  byId("completion-stop-button").hidden = !now;
  if (document.activeElement === document.body)
    byId(now ? "completion-halt" : "completion-send").focus();
}
