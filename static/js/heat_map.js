// Pairwise similarities as a coloured table. Every cell also shows its number, because colour alone
// is not accessible.

import { formatFixed, formatNumber, t } from "./bootstrap.js";
import { element } from "./element.js";
import { similarityRange } from "./similarity.js";

const STEPS = 10;

export function heatMap(texts, likeness) {
  const scaled = element("input", { type: "checkbox", id: "heat-scale", checked: true });
  const place = element("div", {
    class: "scroll",
    tabindex: "0",
    role: "group",
    "aria-labelledby": "heat-title",
  });
  const draw = () => place.replaceChildren(table(texts, likeness, scaled.checked));
  scaled.addEventListener("change", draw);
  draw();
  const label = element("label", { class: "check" }, scaled, t("heat_scale"));
  return element(
    "section",
    { class: "view", "aria-labelledby": "heat-title" },
    element("h2", { id: "heat-title" }, t("heat_map")),
    element("p", { class: "choice" }, label),
    place,
  );
}

function table(texts, likeness, scaled) {
  const { low, high } = scaled ? similarityRange(likeness) : { low: 0, high: 1 };
  const level = (value) => {
    const share = high > low ? (value - low) / (high - low) : 1;
    return Math.round(STEPS * Math.min(1, Math.max(0, share)));
  };
  const heads = texts.map((text, place) =>
    element("th", { scope: "col", title: text }, formatNumber(place + 1)),
  );
  const rows = likeness.map((row, i) =>
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
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, t("text")), ...heads)),
    element("tbody", {}, ...rows),
  );
}
