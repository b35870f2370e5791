// Pairwise similarities as a coloured table. Every cell also shows its number, because colour alone
// is not accessible.

import { formatFixed, formatNumber, t } from "./bootstrap.js";
import { element } from "./element.js";
import { similarityRange } from "./similarity.js";

const STEPS = 10;

export function heatMap(texts, similarities) {
  const useRange = element("input", { type: "checkbox", id: "heat-scale", checked: true });
  const container = element("div", {
    class: "scroll",
    tabindex: "0",
    role: "group",
    "aria-labelledby": "heat-title",
  });
  const draw = () => container.replaceChildren(table(texts, similarities, useRange.checked));
  useRange.addEventListener("change", draw);
  draw();
  const label = element("label", { class: "check" }, useRange, t("heat_scale"));
  return element(
    "section",
    { class: "view", "aria-labelledby": "heat-title" },
    element("h2", { id: "heat-title" }, t("heat_map")),
    element("p", { class: "choice" }, label),
    container,
  );
}

function table(texts, similarities, useRange) {
  const { min, max } = useRange ? similarityRange(similarities) : { min: 0, max: 1 };
  const level = (value) => {
    const ratio = max > min ? (value - min) / (max - min) : 1;
    return Math.round(STEPS * Math.min(1, Math.max(0, ratio)));
  };
  const headers = texts.map((text, index) =>
    element("th", { scope: "col", title: text }, formatNumber(index + 1)),
  );
  const rows = similarities.map((row, i) =>
    element(
      "tr",
      {},
      element(
        "th",
        { scope: "row", dir: "auto", title: texts[i] },
        element("span", { class: "count" }, `${formatNumber(i + 1)} `),
        texts[i],
      ),
      ...row.map((value, j) =>
        element(
          "td",
          { class: i === j ? "heat diagonal" : `heat h${level(value)}` },
          formatFixed(value, 2),
        ),
      ),
    ),
  );
  return element(
    "table",
    { class: "heat-map" },
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, t("text")), ...headers)),
    element("tbody", {}, ...rows),
  );
}
