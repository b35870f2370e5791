// The completion room: one prompt, its answers, and how sure the model was of each token.
// Knows nothing about how tokens are drawn.
import { showCode } from "./code.js";
import { CompletionAnswers } from "./completion_answers.js";
import { keepCompletion, restoreCompletion } from "./completion_kept.js";
import { byId } from "./element.js";
import { sends } from "./enter.js";
import { startExactPrompt } from "./exact_prompt.js";
import { generation } from "./generation.js";
import { count, given, say } from "./given.js";
import { forgetLoop, mindLoop } from "./loop_notice.js";
import { chosenModel } from "./models.js";
import { announce, clearFailure, showFailure } from "./notices.js";
import { options } from "./parameters.js";
import { request } from "./request.js";
import { Stopwatch } from "./stopwatch.js";

const ALTERNATIVES = 5;
let controller = null;
let answers = null; // that stand there

export function startCompletion() {
  const box = byId("completion-prompt");
  box.form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  box.addEventListener("keydown", (event) => {
    // A prompt may have lines: Enter is one of its own here.
    if (!sends(event) || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  byId("completion").addEventListener("click", ({ target }) => {
    if (target.dataset.example !== "completion") return;
    readAs(target.dataset.template);
    fill(target.textContent);
    run();
  });
  byId("completion-halt").addEventListener("click", () => controller?.abort());
  byId("completion-code").addEventListener("click", () => showCode(pending()));
  addEventListener("pagehide", () => {
    controller?.abort();
    keepCompletion(answers);
  });
  answers = restoreCompletion(goOn);
  startExactPrompt(prompt);
}

// The prompt as it is sent: both the request and the exact-prompt view are made of it.
function prompt() {
  const raw = byId("completion").querySelector("[name=prompt_template]:checked").value;
  return { prompt: byId("completion-prompt").value, prompt_template: raw };
}

// How the model reads the prompt: as an instruction, or as it is.
function readAs(template) {
  byId("completion").querySelector(`[name=prompt_template][value=${template}]`).checked = true;
}

// An example's words, read as an example is, stand in for an empty box.
function filled(fields) {
  if (fields.prompt) return fields;
  const example = byId("completion").querySelector("[data-example]");
  return { prompt: example.textContent, prompt_template: example.dataset.template };
}

function pending(fields = filled(prompt())) {
  const own = options("completion");
  const beams = own.num_beams > 1;
  const scored = byId("completion-logprobs").checked && !beams ? { logprobs: ALTERNATIVES } : {};
  return request(
    "/v1/completions",
    { model: chosenModel(), ...fields, max_tokens: given.maxTokens, ...own, ...scored },
    true,
  );
}

// The text so far becomes the prompt, and is written on.
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
  const watch = new Stopwatch();
  announce(say("generating"));
  try {
    await listen(asked, watch);
  } catch (error) {
    const stopped = error.name === "AbortError";
    if (!stopped) showFailure("completion", error, run);
    announce(stopped ? say("stopped") : "");
    answers.end(watch.read(null, stopped ? "stopped" : null));
  }
  controller = null;
  forgetLoop("completion");
  busy(false);
}

async function listen(asked, watch) {
  let usage = null;
  for await (const news of generation(asked.path, asked.body, controller.signal)) {
    if (news.waiting) answers.state(say("queued", { count: count(news.waiting) }));
    if (news.of) answers.state(say("reading", { done: count(news.read), of: count(news.of) }));
    if (news.text !== undefined) {
      watch.tick();
      answers.write(news, watch);
      mindLoop("completion", answers.first);
    }
    if (news.finish) answers.finish(news);
    usage = news.usage ?? usage;
  }
  answers.end(watch.read(usage?.completion_tokens ?? null));
  announce(say("done", { count: count(usage?.completion_tokens ?? 0) }));
}

function busy(now) {
  byId("completion-send").hidden = now;
  byId("completion-halt").hidden = !now;
  if (document.activeElement === document.body)
    byId(now ? "completion-halt" : "completion-send").focus();
}
