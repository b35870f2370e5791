// The embeddings room: texts in, their likeness out, in five views.
// Knows nothing about how a view is drawn.
import { bars } from "./bars.js";
import { showCode } from "./code.js";
import { cosines } from "./cosines.js";
import { byId, element } from "./element.js";
import { keepTexts, keptTexts } from "./embeddings_kept.js";
import { sends } from "./enter.js";
import { count, fixed, say, Told } from "./given.js";
import { heatMap } from "./heat_map.js";
import { chosenModel } from "./models.js";
import { announce, clearFailure, showFailure } from "./notices.js";
import { ranking } from "./ranking.js";
import { request } from "./request.js";
import { scatter } from "./scatter.js";
import { askJson } from "./server.js";
import { column, columns, texts } from "./text_table.js";
import { vectorFiles } from "./vector_files.js";

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
    if (!sends(event) || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  });
  byId("embeddings").addEventListener("click", ({ target }) => {
    if (target.dataset.example !== "embeddings") return;
    box.value = target.dataset.lines;
    recount();
    run();
  });
  byId("embeddings-code").addEventListener("click", () => showCode(pending()));
  box.value ||= keptTexts();
  recount();
}

function inputs() {
  const table = columns(byId("embeddings-input").value);
  const chosen = byId("column").value;
  return table && chosen !== ""
    ? column(table, Number(chosen))
    : texts(byId("embeddings-input").value);
}

function recount() {
  keepTexts(byId("embeddings-input").value);
  const table = columns(byId("embeddings-input").value);
  const choice = byId("column");
  byId("column-choice").hidden = table === null;
  const names = table?.names ?? [];
  if (choice.dataset.names !== JSON.stringify(names)) {
    choice.dataset.names = JSON.stringify(names);
    const whole = element("option", { value: "" }, say("whole_line"));
    choice.replaceChildren(
      whole,
      ...names.map((name, place) => element("option", { value: place }, name)),
    );
    if (table) choice.value = table.likeliest;
  }
  const found = inputs().length;
  byId("embeddings-meter").textContent = found
    ? say("texts", { count: count(found), most: count(MOST) })
    : "";
}

function pending() {
  const own = inputs();
  const example = byId("embeddings").querySelector("[data-example]").dataset.lines.split("\n");
  return request(
    "/v1/embeddings",
    { model: chosenModel(), input: own.length ? own : example },
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
      new Told(say("too_many_texts", { count: count(own.length), most: count(MOST) })),
    );
    return;
  }
  busy = true;
  byId("embeddings-send").setAttribute("aria-disabled", "true"); // a disabled button loses the focus
  announce(say("generating"));
  try {
    const begun = performance.now();
    const asked = pending();
    const answer = await askJson(asked.path, { body: asked.body });
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
  const facts = say("vectors_facts", {
    count: count(vectors.length),
    size: count(vectors[0].length),
    tokens: count(answer.usage.prompt_tokens),
    milliseconds: fixed(milliseconds, 0),
  });
  const likeness = cosines(vectors);
  byId("embeddings-answer").replaceChildren(
    element(
      "div",
      { class: "facts" },
      element("p", { class: "speed" }, facts),
      vectorFiles(own, vectors, answer.model),
    ),
    ranking(own, likeness),
    ...(own.length > 1 ? [heatMap(own, likeness)] : []),
    ...(own.length > 2 ? [scatter(own, vectors)] : []),
    bars(own, vectors),
  );
  announce(say("compared", { count: count(own.length) }));
}
