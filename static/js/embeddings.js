// The embeddings tab: texts and five views of their similarity.

import { apiFetchJson } from "./api_client.js";
import { buildRequest } from "./api_request.js";
import { formatFixed, formatNumber, t, UserError } from "./bootstrap.js";
import { openCodeDialog } from "./code_dialog.js";
import { byId, element } from "./element.js";
import { loadTexts, saveTexts } from "./embeddings_storage.js";
import { heatMap } from "./heat_map.js";
import { selectedModel } from "./models.js";
import { announce, clearFailure, showFailure } from "./notices.js";
import { ranking } from "./ranking.js";
import { scatter } from "./scatter.js";
import { isSendKey } from "./send_key.js";
import { cosineSimilarities } from "./similarity.js";
import { columnTexts, parseTable, textLines } from "./text_table.js";
import { vectorBars } from "./vector_bars.js";
import { vectorDownloads } from "./vector_downloads.js";

const MAX_TEXTS = 64;
let busy = false;

export function startEmbeddings() {
  const box = byId("embeddings-input");
  box.form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  box.addEventListener("input", updateCount);
  byId("column").addEventListener("change", updateCount);
  box.addEventListener("keydown", (event) => {
    if (!isSendKey(event) || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  byId("embeddings").addEventListener("click", ({ target }) => {
    if (target.dataset.example !== "embeddings") return;
    box.value = target.dataset.lines;
    updateCount();
    run();
  });
  byId("embeddings-code").addEventListener("click", () => openCodeDialog(pendingRequest()));
  box.value ||= loadTexts();
  updateCount();
}

function inputs() {
  const table = parseTable(byId("embeddings-input").value);
  const selected = byId("column").value;
  return table && selected !== ""
    ? columnTexts(table, Number(selected))
    : textLines(byId("embeddings-input").value);
}

function updateCount() {
  saveTexts(byId("embeddings-input").value);
  const table = parseTable(byId("embeddings-input").value);
  const choice = byId("column");
  byId("column-choice").hidden = table === null;
  const names = table?.names ?? [];
  if (choice.dataset.names !== JSON.stringify(names)) {
    choice.dataset.names = JSON.stringify(names);
    const wholeLine = element("option", { value: "" }, t("whole_line"));
    choice.replaceChildren(
      wholeLine,
      ...names.map((name, index) => element("option", { value: index }, name)),
    );
    if (table) choice.value = table.likeliest;
  }
  const total = inputs().length;
  byId("embeddings-meter").textContent = total
    ? t("texts", { count: formatNumber(total), max: formatNumber(MAX_TEXTS) })
    : "";
}

function pendingRequest() {
  const texts = inputs();
  const example = byId("embeddings").querySelector("[data-example]").dataset.lines.split("\n");
  return buildRequest(
    "/v1/embeddings",
    { model: selectedModel(), input: texts.length ? texts : example },
    false,
  );
}

async function run() {
  const texts = inputs();
  if (busy || !texts.length) return;
  clearFailure("embeddings");
  if (texts.length > MAX_TEXTS) {
    showFailure(
      "embeddings",
      new UserError(
        t("too_many_texts", { count: formatNumber(texts.length), max: formatNumber(MAX_TEXTS) }),
      ),
    );
    return;
  }
  busy = true;
  byId("embeddings-send").setAttribute("aria-disabled", "true"); // a disabled button would lose focus
  announce(t("generating"));
  try {
    const started = performance.now();
    const request = pendingRequest();
    const answer = await apiFetchJson(request.path, { body: request.body });
    show(texts, answer, performance.now() - started);
  } catch (error) {
    showFailure("embeddings", error, run);
  }
  busy = false;
  byId("embeddings-send").removeAttribute("aria-disabled");
}

function show(texts, answer, milliseconds) {
  const vectors = answer.data
    .toSorted((a, b) => a.index - b.index)
    .map(({ embedding }) => embedding);
  const summary = t("vectors_facts", {
    count: formatNumber(vectors.length),
    size: formatNumber(vectors[0].length),
    tokens: formatNumber(answer.usage.prompt_tokens),
    milliseconds: formatFixed(milliseconds, 0),
  });
  const similarities = cosineSimilarities(vectors);
  byId("embeddings-answer").replaceChildren(
    element(
      "div",
      { class: "summary-line" },
      element("p", { class: "stats" }, summary),
      vectorDownloads(texts, vectors, answer.model),
    ),
    ranking(texts, similarities),
    ...(texts.length > 1 ? [heatMap(texts, similarities)] : []),
    ...(texts.length > 2 ? [scatter(texts, vectors)] : []),
    vectorBars(texts, vectors),
  );
  announce(t("compared", { count: formatNumber(texts.length) }));
}
