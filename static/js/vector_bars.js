// The first dimensions of each vector as a bar chart.

import { formatFixed, formatNumber, t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton, svgElement } from "./element.js";

const SHOWN_DIMENSIONS = 48;
const WIDTH = 8;
const HALF_HEIGHT = 28;

export function vectorBars(texts, vectors) {
  const first = vectors.map((vector) => vector.slice(0, SHOWN_DIMENSIONS));
  const max = Math.max(...first.flat().map(Math.abs)) || 1;
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
      chart(text, first[i], max),
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

function chart(text, values, max) {
  const svg = svgElement("svg", {
    viewBox: `0 0 ${values.length * WIDTH} ${2 * HALF_HEIGHT}`,
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
  svg.append(
    svgElement("path", { class: "axes", d: `M0 ${HALF_HEIGHT}H${values.length * WIDTH}` }),
  );
  values.forEach((value, i) => {
    const height = (Math.abs(value) / max) * (HALF_HEIGHT - 1);
    const y = value > 0 ? HALF_HEIGHT - height : HALF_HEIGHT;
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
