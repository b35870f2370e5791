// Texts as points in two dimensions (pca.js): similar texts are close.

import { formatFixed, formatNumber, t } from "./bootstrap.js";
import { element, svgElement } from "./element.js";
import { principalComponents } from "./pca.js";

const WIDTH = 640;
const HEIGHT = 360;
const MARGIN = 36;
// Closer markers would hide each other's numbers.
const MIN_DISTANCE = 24;
const ITERATIONS = 100;

export function scatter(texts, vectors) {
  const { points, explained } = principalComponents(vectors);
  const [x, y] = [0, 1].map((axis) =>
    scale(
      points.map((p) => p[axis]),
      axis ? HEIGHT : WIDTH,
      axis === 1,
    ),
  );
  const positions = separate(points.map((point) => [x(point[0]), y(point[1])]));
  const svg = svgElement(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      class: "scatter",
      role: "img",
      "aria-labelledby": "scatter-title",
    },
    svgElement("path", {
      class: "axes",
      d: `M${MARGIN} ${HEIGHT / 2}H${WIDTH - MARGIN}M${WIDTH / 2} ${MARGIN}V${HEIGHT - MARGIN}`,
    }),
    ...positions.map(([left, top], i) => marker(i, left, top, texts[i])),
  );
  const percent = formatFixed((explained[0] + explained[1]) * 100, 0);
  const legend = element(
    "ol",
    { class: "legend" },
    ...texts.map((text) => element("li", { dir: "auto" }, text)),
  );
  return element(
    "section",
    { class: "view", "aria-labelledby": "scatter-title" },
    element("h2", { id: "scatter-title" }, t("map")),
    element("p", { class: "hint" }, t("map_hint", { share: percent })),
    element("div", { class: "scatter-area" }, svg, legend),
  );
}

// Moves overlapping markers apart.
function separate(positions) {
  for (let iteration = 0; iteration < ITERATIONS; iteration += 1) {
    for (const [i, a] of positions.entries()) {
      for (const [j, b] of positions.slice(0, i).entries()) {
        const angle = i + j; // a fixed arbitrary direction for equal positions
        const [dx, dy] = [
          a[0] - b[0] || 0.01 * Math.cos(angle),
          a[1] - b[1] || 0.01 * Math.sin(angle),
        ];
        const distance = Math.hypot(dx, dy);
        const push = Math.max(0, MIN_DISTANCE - distance) / 2 / distance;
        [a[0], a[1], b[0], b[1]] = [
          a[0] + dx * push,
          a[1] + dy * push,
          b[0] - dx * push,
          b[1] - dy * push,
        ];
      }
    }
  }
  const clamp = (value, size) => Math.min(size - MIN_DISTANCE, Math.max(MIN_DISTANCE, value));
  return positions.map(([left, top]) => [clamp(left, WIDTH), clamp(top, HEIGHT)]);
}

function marker(index, x, y, text) {
  const label = svgElement("text", { x, y: y + 4.5 });
  label.textContent = formatNumber(index + 1);
  const title = svgElement("title");
  title.textContent = text;
  return svgElement(
    "g",
    { class: "point" },
    title,
    svgElement("circle", { cx: x, cy: y, r: 13 }),
    label,
  );
}

function scale(values, size, flipped) {
  const max = Math.max(...values.map(Math.abs)) || 1;
  return (value) => size / 2 + ((flipped ? -value : value) / max) * (size / 2 - MARGIN);
}
