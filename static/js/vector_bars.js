// The first dimensions of each vector as a bar chart.

import { formatFixed, formatNumber, t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton, svgElement } from "./element.js";

const SHOWN = 48;
const WIDTH = 8;
const HALF = 28;

export function vectorBars(texts, vectors) {
  const first = vectors.map((vector) => vector.slice(0, SHOWN));
  const most = Math.max(...first.flat().map(Math.abs)) || 1;
  const rows = texts.map((text, i) =>
    element(
      "li",
      {},
      element(
        "div",
        { class: "bars-head" },
        element("span", { dir: "auto" }, text),
        copyButton(text, vectors[i]),
      ),
      chart(text, first[i], most),
    ),
  );
  return element(
    "section",
    { class: "view", "aria-labelledby": "bars-title" },
    element("h2", { id: "bars-title" }, t("bars")),
    element(
      "p",
      { class: "hint" },
      t("bars_hint", {
        count: formatNumber(first[0].length),
        size: formatNumber(vectors[0].length),
      }),
    ),
    element("ol", { class: "bars" }, ...rows),
  );
}

function copyButton(text, vector) {
  return iconButton("copy", t("copy_vector", { text }), (event) =>
    copy(JSON.stringify(vector), event.currentTarget),
  );
}

function chart(text, values, most) {
  const svg = svgElement("svg", {
    viewBox: `0 0 ${values.length * WIDTH} ${2 * HALF}`,
    class: "bar-chart",
    role: "img",
    preserveAspectRatio: "none",
  });
  svg.setAttribute(
    "aria-label",
    `${text}: ${values
      .slice(0, 6)
      .map((value) => formatFixed(value, 3))
      .join(", ")} …`,
  );
  svg.append(svgElement("path", { class: "axes", d: `M0 ${HALF}H${values.length * WIDTH}` }));
  values.forEach((value, i) => {
    const height = (Math.abs(value) / most) * (HALF - 1);
    const y = value > 0 ? HALF - height : HALF;
    svg.append(
      svgElement("rect", {
        x: i * WIDTH + 1,
        y,
        width: WIDTH - 2,
        height,
        class: value > 0 ? "up" : "down",
      }),
    );
  });
  return svg;
}
