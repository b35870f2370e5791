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

const MOST = 64;
let busy = false;

export function startEmbeddings() {
  const box = byId("embeddings-input");
  box.form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  box.addEventListener("input", recount);
  byId("column").addEventListener("change", recount);
  box.addEventListener("keydown", (event) => {
    if (!isSendKey(event) || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  byId("embeddings").addEventListener("click", ({ target }) => {
    if (target.dataset.example !== "embeddings") return;
    box.value = target.dataset.lines;
    recount();
    run();
  });
  byId("embeddings-code").addEventListener("click", () => openCodeDialog(pending()));
  box.value ||= loadTexts();
  recount();
}

function inputs() {
  const table = parseTable(byId("embeddings-input").value);
  const chosen = byId("column").value;
  return table && chosen !== ""
    ? columnTexts(table, Number(chosen))
    : textLines(byId("embeddings-input").value);
}

function recount() {
  saveTexts(byId("embeddings-input").value);
  const table = parseTable(byId("embeddings-input").value);
  const choice = byId("column");
  byId("column-choice").hidden = table === null;
  const names = table?.names ?? [];
  if (choice.dataset.names !== JSON.stringify(names)) {
    choice.dataset.names = JSON.stringify(names);
    const whole = element("option", { value: "" }, t("whole_line"));
    choice.replaceChildren(
      whole,
      ...names.map((name, place) => element("option", { value: place }, name)),
    );
    if (table) choice.value = table.likeliest;
  }
  const found = inputs().length;
  byId("embeddings-meter").textContent = found
    ? t("texts", { count: formatNumber(found), max: formatNumber(MOST) })
    : "";
}

function pending() {
  const own = inputs();
  const example = byId("embeddings").querySelector("[data-example]").dataset.lines.split("\n");
  return buildRequest(
    "/v1/embeddings",
    { model: selectedModel(), input: own.length ? own : example },
    false,
  );
}

async function run() {
  const own = inputs();
  if (busy || !own.length) return;
  clearFailure("embeddings");
  if (own.length > MOST) {
    showFailure(
      "embeddings",
      new UserError(
        t("too_many_texts", { count: formatNumber(own.length), max: formatNumber(MOST) }),
      ),
    );
    return;
  }
  busy = true;
  byId("embeddings-send").setAttribute("aria-disabled", "true"); // a disabled button would lose focus
  announce(t("generating"));
  try {
    const begun = performance.now();
    const asked = pending();
    const answer = await apiFetchJson(asked.path, { body: asked.body });
    show(own, answer, performance.now() - begun);
  } catch (error) {
    showFailure("embeddings", error, run);
  }
  busy = false;
  byId("embeddings-send").removeAttribute("aria-disabled");
}

function show(own, answer, milliseconds) {
  const vectors = answer.data
    .toSorted((a, b) => a.index - b.index)
    .map(({ embedding }) => embedding);
  const facts = t("vectors_facts", {
    count: formatNumber(vectors.length),
    size: formatNumber(vectors[0].length),
    tokens: formatNumber(answer.usage.prompt_tokens),
    milliseconds: formatFixed(milliseconds, 0),
  });
  const likeness = cosineSimilarities(vectors);
  byId("embeddings-answer").replaceChildren(
    element(
      "div",
      { class: "summary-line" },
      element("p", { class: "stats" }, facts),
      vectorDownloads(own, vectors, answer.model),
    ),
    ranking(own, likeness),
    ...(own.length > 1 ? [heatMap(own, likeness)] : []),
    ...(own.length > 2 ? [scatter(own, vectors)] : []),
    vectorBars(own, vectors),
  );
  announce(t("compared", { count: formatNumber(own.length) }));
}
